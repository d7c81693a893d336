import {
  isSameIdentifier,
  listSchemaProblems,
  ValetKeyError,
  type ClientToken,
  type ExposableToken,
  type IssueAbility,
  type IssuedToken,
  type IssueRequest,
  type Principal,
  type TokenBinding,
} from '@valetkey/core-types';
import type { TokenCache } from '@valetkey/token-cache';
import { principalKey } from '../identity/identify.ts';
import { CallerTokenRefusal } from './app-token-bound.ts';
import { cacheKeyOf, type Connection } from './connections.ts';
import { OperationFailure, type OperationResult } from './perform.ts';
import type { OnMappingChange } from './vendor-users.ts';

/**
 * Issues a client token for a principal. `body` is the parsed JSON of the request, or undefined if it has no body.
 *
 * Rejects with `operation_not_supported`, `invalid_request`, `forbidden`, `policy_unavailable`, `vendor_user_not_found` and the
 * vendor codes of the error table.
 */
export async function issueClientToken(
  connection: Connection,
  principal: Principal,
  body: unknown,
  tokens: TokenCache,
  recordChange?: OnMappingChange,
): Promise<OperationResult<ExposableToken>> {
  const { name, vendor } = connection;
  const ability = vendor.issue;
  if (ability === undefined) {
    throw new ValetKeyError('operation_not_supported', `${name} issues no token to apps.`, { vendor: vendor.id });
  }
  const parameters = parseParameters(connection, ability, body);
  await connection.assertDecided?.({ principal, operation: 'issue', connection: name });
  const issue = () => issueWithin(connection, ability, { principal, parameters }, tokens, recordChange);
  try {
    return await issue();
  } catch (failure) {
    // The caller's token grew older while the vendor responded, so the next token is requested for a shorter time.
    if (ability.lifetime?.shorten === undefined || !isCallerRefusal(failure)) throw failure;
    return issue();
  }
}

/** Issues a token that does not outlive the caller's token, where the connection demands that. */
async function issueWithin(
  connection: Connection,
  ability: IssueAbility<'account'> | IssueAbility<'user'>,
  { principal, parameters }: Pick<Request, 'principal' | 'parameters'>,
  tokens: TokenCache,
  recordChange?: OnMappingChange,
): Promise<OperationResult<ExposableToken>> {
  const { appTokenBound } = connection;
  const bounded = appTokenBound?.shorten(ability as IssueAbility, principal, parameters);
  const request = { principal, parameters: bounded?.parameters ?? parameters, caller: principalKey(principal) };
  if (ability.bound === 'user') return issueForUser(connection, ability, request, recordChange);
  // A kept token may outlive the caller's token if this request is for a shorter one.
  const isKept = bounded?.isShortened !== true;
  const token = await issueForAccount(connection, ability, request, isKept ? tokens : undefined);
  appTokenBound?.assertWithin(principal, token.expiresInSeconds);
  return { result: token };
}

type Request = IssueRequest<'account'>;

async function issueForAccount(
  connection: Connection,
  ability: IssueAbility<'account'>,
  request: Request,
  tokens: TokenCache | undefined,
): Promise<ExposableToken> {
  const { vendor } = connection;
  const { minRemainingSeconds } = ability.cache ?? {};
  const key = tokens && ability.cache?.key(request);
  const issue = async ({ signal }: { signal?: AbortSignal | undefined } = {}) =>
    toClientToken(vendor.id, 'account', await ability.issue({ ...request, signal }));
  if (tokens === undefined || key === undefined) return issue();
  return tokens.get(cacheKeyOf(connection, key), issue, { minRemainingSeconds });
}

async function issueForUser(
  { users, vendor, appTokenBound }: Connection,
  ability: IssueAbility<'user'>,
  request: Request,
  recordChange?: OnMappingChange,
): Promise<OperationResult<ExposableToken>> {
  const { principal } = request;
  const issueFor = async (vendorUserId: string): Promise<OperationResult<ExposableToken>> => {
    try {
      const token = toClientToken(vendor.id, 'user', await ability.issue({ ...request, vendorUserId }), vendorUserId);
      appTokenBound?.assertWithin(principal, token.expiresInSeconds);
      return { result: token, vendorUserId };
    } catch (error) {
      throw new OperationFailure(error, vendorUserId);
    }
  };
  const vendorUserId = await users.resolve(principal, recordChange);
  try {
    return await issueFor(vendorUserId);
  } catch (failure) {
    if (!isUserUnknown(failure) || !(await mayReplace(users, principal, vendorUserId, recordChange))) throw failure;
    // The vendor has deleted a user that the broker created, so the broker creates another one, once.
    return issueFor(await users.resolve(principal, recordChange));
  }
}

/** Removes an unknown vendor user, if it may be replaced. The audit records the vendor user of a refusal as well. */
async function mayReplace(
  users: Connection['users'],
  principal: Principal,
  vendorUserId: string,
  recordChange: OnMappingChange | undefined,
): Promise<boolean> {
  try {
    return await users.forget(principal, vendorUserId, recordChange);
  } catch (error) {
    throw new OperationFailure(error, vendorUserId);
  }
}

/**
 * Returns the token with what it is bound to, and with a lifetime that the broker can rely on. Throws
 * `vendor_response_invalid` for a token of another user: an adapter may mix up its users.
 */
function toClientToken<Binding extends TokenBinding>(
  vendor: string,
  bound: Binding,
  { fields, expiresInSeconds, singleUse, vendorUserId: statedUserId }: IssuedToken,
  vendorUserId?: string,
): ClientToken<Binding> {
  if (statedUserId !== undefined && !isSameIdentifier(statedUserId, vendorUserId)) {
    throw new ValetKeyError('vendor_response_invalid', 'The vendor returned a token that was not requested.', {
      vendor,
      reason: 'other_token',
      advice: "Correct the vendor's adapter.",
    });
  }
  return boundLifetime({ kind: 'client', bound, vendor, vendorUserId, fields, expiresInSeconds, singleUse });
}

/** Returns whether the token of the caller was refused. */
function isCallerRefusal(failure: unknown): boolean {
  return thrownBy(failure) instanceof CallerTokenRefusal;
}

/** Returns the error without the vendor user that the audit records. */
function thrownBy(failure: unknown): unknown {
  return failure instanceof OperationFailure ? failure.thrown : failure;
}

/** Returns whether the vendor does not know the vendor user. */
function isUserUnknown(failure: unknown): boolean {
  const thrown = thrownBy(failure);
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

/** The longest lifetime of a vendor's token that the broker reports or relies on, in seconds: 30 days. */
const maxLifetimeSeconds = 30 * 86_400;

/**
 * Returns a token whose lifetime is a whole number of seconds of at most 30 days: an adapter may return any number. Throws
 * `vendor_response_invalid` for a lifetime that is none.
 */
export function boundLifetime<
  Token extends { readonly vendor: string; readonly expiresInSeconds?: number | undefined },
>(token: Token): Token {
  const { vendor, expiresInSeconds } = token;
  if (expiresInSeconds === undefined) return token;
  const seconds = Math.floor(expiresInSeconds);
  if (Number.isNaN(seconds) || seconds <= 0) {
    throw new ValetKeyError('vendor_response_invalid', 'The vendor returned a token that is not valid for any time.', {
      vendor,
      reason: 'lifetime',
      advice: "Correct the vendor's adapter.",
    });
  }
  return { ...token, expiresInSeconds: Math.min(seconds, maxLifetimeSeconds) };
}
