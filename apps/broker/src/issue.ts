import { ValetKeyError, type ExposableToken, type IssueAbility, type IssueRequest } from '@valetkey/core-types';
import type { TokenCache } from '@valetkey/token-cache';
import type { ConnectedVendor } from './connected-vendors.ts';
import type { DecisionSubject } from './decisions.ts';

/**
 * Issues a client token for the decision's principal.
 *
 * `body` is the request's JSON, or undefined. Throws `operation_not_supported`, `invalid_request`,
 * `vendor_user_not_found` and the vendor codes of the error table.
 */
export async function issueClientToken(
  { vendor, users }: ConnectedVendor,
  body: unknown,
  subject: DecisionSubject,
  tokens: TokenCache,
): Promise<ExposableToken> {
  const ability = vendor.issue;
  if (ability === undefined) {
    throw new ValetKeyError('operation_not_supported', `${vendor.id} issues no token to apps.`, { vendor: vendor.id });
  }
  const { principal } = subject;
  const request = {
    principal,
    parameters: parseParameters(vendor.id, ability.parameters, body),
  };

  if (ability.bound === 'account') {
    const { minRemainingSeconds, key } = ability.cache ?? {};
    const keptUnder = key?.(request);
    if (keptUnder === undefined) return ability.issue(request);
    return tokens.get(keptUnder, ({ signal }) => ability.issue({ ...request, signal }), { minRemainingSeconds });
  }

  const issueFor = (vendorUserId: string) => {
    subject.vendorUserId = vendorUserId;
    return ability.issue({ ...request, vendorUserId });
  };
  const vendorUserId = await users.resolve(principal);
  try {
    return await issueFor(vendorUserId);
  } catch (error) {
    // The vendor deleted its user behind our back: where it may be made again, it is, once.
    const gone = ValetKeyError.isInstance(error) && error.code === 'vendor_user_not_found';
    if (!gone || !(await users.forget(principal, vendorUserId))) throw error;
    return issueFor(await users.resolve(principal));
  }
}

function parseParameters(
  vendor: string,
  schema: IssueAbility['parameters'],
  body: unknown,
): IssueRequest['parameters'] {
  const { success, data, error } = schema.safeParse(body ?? {});
  if (success) return data;
  const fields = error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys : issue.path.length > 0 ? [issue.path.map(String).join('.')] : [],
  );
  throw new ValetKeyError('invalid_request', `The body is not what ${vendor} takes.`, {
    vendor,
    remediation: `Correct or leave out: ${fields.join(', ') || 'the whole body'}.`,
  });
}
