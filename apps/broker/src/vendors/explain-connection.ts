import {
  ValetKeyError,
  type ConnectionExplanation,
  type IssueAbility,
  type Principal,
  type ProxyAbility,
  type ProxyRequest,
} from '@valetkey/core-types';
import { claimsOfPath, findBindingProblem } from '@valetkey/vendor-clients';
import {
  arePassed,
  conclude,
  examineBlock,
  examineFunction,
  examinePolicy,
  examineStored,
  type Examined,
} from '../policy/explain-policy.ts';
import type { Store } from '../storage/store.ts';
import type { Connection } from './connections.ts';
import { CallerTokenRefusal } from './app-token-bound.ts';
import { describeCall, findRefusedCall } from './call-refusal.ts';
import type { VendorUserOrigin } from './vendor-users.ts';

/** What an explanation is about. Without an operation, it is about all operations of the connection. */
export interface ExplainedUse {
  readonly operation?: 'issue' | 'proxy' | undefined;
  /** The proxied call. Absent: the explanation is about no single call. */
  readonly call?: Pick<ProxyRequest, 'method' | 'path' | 'query'> | undefined;
}

/**
 * Explains whether a principal may use a connection, without a call to the vendor and without a change of the store. The texts
 * contain no value of a claim and nothing about other principals, because the principal itself may read them.
 */
export async function explainConnection(
  connection: Connection,
  principal: Principal,
  store: Pick<Store, 'isBlocked'>,
  { operation: only, call }: ExplainedUse = {},
): Promise<ConnectionExplanation> {
  const { name, vendor } = connection;
  const operations = (['issue', 'proxy'] as const).filter(
    (operation) => vendor[operation] !== undefined && (only ?? operation) === operation,
  );
  const policy = { ...connection, place: `vendors.${name}` };
  const access = [...examinePolicy(policy, principal, operations), await examineBlock(store, principal)];
  const user =
    vendor.issue?.bound === 'user' && operations.includes('issue')
      ? [await examineStored('user', () => examineUser(connection, principal))]
      : [];
  const requests = examineRequests(connection, principal, operations, call);
  const decided: Examined[] = [];
  for (const operation of operations) {
    const before = [...access, ...requests.filter(({ check }) => check === operation)];
    decided.push(...(await examineDecision(policy, { principal, operation, call }, before)));
  }
  const isReached = arePassed([...access, ...user]);
  const reached = requests.map((one): Examined => (isReached ? one : { ...one, outcome: 'not_reached' }));
  const conclusion = conclude(
    [...access, ...user, ...reached, ...decided],
    'Nothing has to be changed here; if the vendor refuses the call, `valetkey doctor` tells the operator why.',
  );
  return { connection: name, vendor: vendor.id, ...conclusion };
}

/** Asks the function of the policy about an operation. It decides about each proxied call, so without one it is not asked. */
async function examineDecision(
  policy: Connection & { readonly place: string },
  request: {
    readonly principal: Principal;
    readonly operation: 'issue' | 'proxy';
    readonly call: ExplainedUse['call'];
  },
  before: readonly Examined[],
): Promise<Examined[]> {
  const { call, ...others } = request;
  if (policy.assertDecided !== undefined && others.operation === 'proxy' && call === undefined) {
    const detail = 'policy.decide decides about each call, and was not asked about one.';
    return [{ check: 'policy', outcome: 'passed', detail }];
  }
  // The path of a call that is refused may not be decodable.
  const described = call !== undefined && arePassed(before) ? describeCall(call) : {};
  return examineFunction(policy, { ...others, connection: policy.name, ...described }, before);
}

const origins = {
  claim: 'A claim of the token names the vendor user.',
  store: 'The store has the vendor user.',
  creation: 'The store has no vendor user; the vendor would be asked to create one.',
} as const satisfies Record<VendorUserOrigin, string>;

async function examineUser({ users }: Connection, principal: Principal): Promise<Examined> {
  return { check: 'user', outcome: 'passed', detail: origins[await users.origin(principal)] };
}

/** Describes the operations that the vendor would be asked for. */
function examineRequests(
  connection: Connection,
  principal: Principal,
  operations: readonly ('issue' | 'proxy')[],
  call: ExplainedUse['call'],
): Examined[] {
  const { id, issue, proxy } = connection.vendor;
  if (issue === undefined && proxy === undefined) {
    const detail = `${id} only signs users in: it issues no token to apps and cannot be called through the broker.`;
    return [{ check: 'issue', outcome: 'failed', detail, change: 'In the app, name a connection of another vendor.' }];
  }
  if (operations.length === 0) {
    const check = issue === undefined ? 'issue' : 'proxy';
    const detail = `The vendor ${id} has no operation ${check}.`;
    return [{ check, outcome: 'failed', detail, change: 'In the app, use the other operation of the connection.' }];
  }
  return [
    ...(issue === undefined || !operations.includes('issue')
      ? []
      : [examineIssue(connection, issue as IssueAbility, principal)]),
    ...(proxy === undefined || !operations.includes('proxy') ? [] : [examineProxy(connection, proxy, principal, call)]),
  ];
}

function examineIssue(
  { name, vendor, appTokenBound }: Connection,
  ability: IssueAbility,
  principal: Principal,
): Examined {
  const { success, data: parameters = {} } = ability.parameters.safeParse({});
  try {
    const asked = appTokenBound?.shorten(ability, principal, parameters).parameters ?? parameters;
    const members = Object.entries(asked).map(([parameter, value]) => `${parameter} ${JSON.stringify(value)}`);
    const described = success
      ? members.join(', ') || 'none'
      : "the request's own; this vendor requires some in the body";
    const whose = ability.bound === 'user' ? 'of the vendor user' : 'of the account';
    return {
      check: 'issue',
      outcome: 'passed',
      detail: `${vendor.id} would be asked for a token ${whose}. Parameters: ${described}.`,
    };
  } catch (error) {
    if (!(error instanceof CallerTokenRefusal)) throw error;
    return {
      check: 'issue',
      outcome: 'failed',
      detail: error.refusal.message,
      change: `In the identity provider's console, let tokens live longer than the shortest token of ${vendor.id}, or turn vendors.${name}.boundByAppToken off in the configuration.`,
    };
  }
}

function examineProxy(
  connection: Connection,
  ability: ProxyAbility,
  principal: Principal,
  call: ExplainedUse['call'],
): Examined {
  const { name, vendor } = connection;
  const refused = call && findRefusedCall(connection, principal, call);
  if (refused !== undefined) {
    const { message, remediation } = refused.error;
    return { check: 'proxy', outcome: 'failed', detail: message, change: remediation };
  }
  try {
    if ('tokenKey' in ability) ability.tokenKey(principal);
  } catch (error) {
    if (!ValetKeyError.isInstance(error)) throw error;
    const claims = (vendor.claims ?? []).map(({ option, claim }) => `${claim} (vendors.${name}.${option})`);
    const change =
      claims.length === 0
        ? error.remediation
        : `In the identity provider's console, add a valid claim ${claims.join(', ')} to the token, or change that field in the configuration.`;
    return { check: 'proxy', outcome: 'failed', detail: error.message, change };
  }
  const calls = ability.allow.map(({ method, path }) => `${method} ${path}`);
  const called = `${vendor.id} would be called with a ${'tokenKey' in ability ? 'token' : 'key'} of the broker.`;
  if (call !== undefined) return { check: 'proxy', outcome: 'passed', detail: `${called} The list allows this call.` };
  const detail = `${called} Allowed: ${calls.join(', ') || 'no call'}.`;
  const unusable = ability.allow.filter((allowed) => findBindingProblem(allowed, principal) !== undefined);
  if (unusable.length === 0) return { check: 'proxy', outcome: 'passed', detail };
  const places = unusable.map((allowed) => `allow.${ability.allow.indexOf(allowed)}`).join(', ');
  const claims = [...new Set(unusable.flatMap(({ path }) => claimsOfPath(path)))].join(', ');
  const refusedCalls = `Refused: the calls of ${places}, because the token has no usable claim ${claims} of their issuer.`;
  if (unusable.length < ability.allow.length)
    return { check: 'proxy', outcome: 'passed', detail: `${detail} ${refusedCalls}` };
  const change = `In the identity provider's console, add the claim ${claims} to the token, or change vendors.${name}.allow in the configuration.`;
  return { check: 'proxy', outcome: 'failed', detail: refusedCalls, change };
}
