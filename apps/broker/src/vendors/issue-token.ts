import {
  type ClientToken,
  listSchemaProblems,
  ValetKeyError,
  type ExposableToken,
  type IssueAbility,
  type IssueRequest,
  type Principal,
} from '@valetkey/core-types';
import type { TokenCache } from '@valetkey/token-cache';
import { principalKey } from '../identity/principal-key.ts';
import type { Connection } from './connections.ts';
import { OperationFailure, type OperationResult } from './perform.ts';

/**
 * Issues a client token for a principal. `body` is the parsed JSON of the request, or undefined if it has no body.
 *
 * Rejects with `operation_not_supported`, `invalid_request`, `vendor_user_not_found` and the vendor codes of the error table.
 */
export async function issueClientToken(
  connection: Connection,
  principal: Principal,
  body: unknown,
  tokens: TokenCache,
): Promise<OperationResult<ExposableToken>> {
  const { name, vendor } = connection;
  const ability = vendor.issue;
  if (ability === undefined) {
    throw new ValetKeyError('operation_not_supported', `${name} issues no token to apps.`, { vendor: vendor.id });
  }
  const parameters = parseParameters(connection, ability, body);
  const request = { principal, parameters, caller: principalKey(principal) };
  if (ability.bound === 'user') return issueForUser(connection, ability, request);
  const token = await issueForAccount(name, ability, request, tokens);
  assertMatches(token, { vendor: vendor.id, bound: 'account' });
  return { result: token };
}

type Request = IssueRequest<'account'>;

async function issueForAccount(
  connection: string,
  ability: IssueAbility<'account'>,
  request: Request,
  tokens: TokenCache,
): Promise<ExposableToken> {
  const { minRemainingSeconds } = ability.cache ?? {};
  const key = ability.cache?.key(request);
  if (key === undefined) return ability.issue(request);
  const issue = ({ signal }: { signal: AbortSignal }) => ability.issue({ ...request, signal });
  return tokens.get({ ...key, connection }, issue, { minRemainingSeconds });
}

async function issueForUser(
  { users, vendor }: Connection,
  ability: IssueAbility<'user'>,
  request: Request,
): Promise<OperationResult<ExposableToken>> {
  const issueFor = async (vendorUserId: string): Promise<OperationResult<ExposableToken>> => {
    try {
      const token = await ability.issue({ ...request, vendorUserId });
      assertMatches(token, { vendor: vendor.id, bound: 'user', vendorUserId });
      return { result: token, vendorUserId };
    } catch (error) {
      throw new OperationFailure(error, vendorUserId);
    }
  };
  const vendorUserId = await users.resolve(request.principal);
  try {
    return await issueFor(vendorUserId);
  } catch (failure) {
    // The vendor has deleted its user. If the broker may create another one, it does so once.
    if (!isUserUnknown(failure) || !(await users.forget(request.principal, vendorUserId))) throw failure;
    return issueFor(await users.resolve(request.principal));
  }
}

/** Throws `vendor_response_invalid` for a token that is not the requested one: an adapter may mix up its users. */
function assertMatches(
  token: ClientToken,
  { vendor, ...expected }: Pick<ClientToken, 'vendor' | 'bound' | 'vendorUserId'>,
) {
  const { bound, vendorUserId } = token;
  if (token.vendor === vendor && bound === expected.bound && vendorUserId === expected.vendorUserId) return;
  throw new ValetKeyError('vendor_response_invalid', 'The vendor returned a token that was not requested.', {
    vendor,
    reason: 'other_token',
    advice: "Correct the vendor's adapter.",
  });
}

/** Returns whether the vendor does not know the vendor user. */
function isUserUnknown(failure: unknown): boolean {
  const thrown = failure instanceof OperationFailure ? failure.thrown : failure;
  return ValetKeyError.isInstance(thrown) && thrown.code === 'vendor_user_not_found';
}

function parseParameters(
  { name, vendor }: Connection,
  { parameters }: IssueAbility,
  body: unknown,
): Readonly<Record<string, unknown>> {
  const { success, data, error } = parameters.safeParse(body ?? {});
  if (success) return data;
  const fields = listSchemaProblems(error).flatMap(({ field }) => (field === '' ? [] : [field]));
  throw new ValetKeyError('invalid_request', `${name} does not accept this body.`, {
    vendor: vendor.id,
    remediation: `Correct or leave out: ${fields.join(', ') || 'the whole body'}.`,
  });
}
