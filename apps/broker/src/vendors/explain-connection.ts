import {
  ValetKeyError,
  type ConnectionCheck,
  type ConnectionExplanation,
  type IssueAbility,
  type Principal,
  type ProxyAbility,
} from '@valetkey/core-types';
import { claimsOfPath, findBindingProblem } from '@valetkey/vendor-clients';
import type { AccessRule } from '../policy/access.ts';
import type { Store } from '../storage/store.ts';
import type { Connection } from './connections.ts';
import { CallerTokenRefusal } from './app-token-bound.ts';
import type { VendorUserOrigin } from './vendor-users.ts';

/** A check, and the sentence that says what to change if it has not passed. */
interface Examined extends ConnectionCheck {
  readonly change?: string;
}

/**
 * Explains whether a principal may use a connection, without a call to the vendor and without a change of the store. The texts
 * contain no value of a claim and nothing about other principals, because the principal itself may read them.
 */
export async function explainConnection(
  connection: Connection,
  principal: Principal,
  store: Pick<Store, 'isBlocked'>,
): Promise<ConnectionExplanation> {
  const access = [
    ...examinePolicy(connection, principal),
    await examineStored('blocked', () => examineBlock(store, principal)),
    ...(connection.vendor.issue?.bound === 'user'
      ? [await examineStored('user', () => examineUser(connection, principal))]
      : []),
  ];
  const isReached = access.every(({ outcome }) => outcome === 'passed');
  const requests = examineRequests(connection, principal).map((examined): Examined =>
    isReached ? examined : { ...examined, outcome: 'not_reached' },
  );
  const examined = [...access, ...requests];
  const missed =
    examined.find(({ outcome }) => outcome === 'failed') ?? examined.find(({ outcome }) => outcome === 'not_reached');
  return {
    connection: connection.name,
    vendor: connection.vendor.id,
    allowed: missed === undefined,
    checks: examined.map(({ check, outcome, detail }) => ({ check, outcome, detail })),
    change:
      missed?.change ??
      'Nothing has to be changed here; if the vendor refuses the call, `valetkey doctor` tells the operator why.',
  };
}

function examinePolicy({ name, vendor, rules, observedRules = [] }: Connection, principal: Principal): Examined[] {
  if (rules.length + observedRules.length === 0) {
    return [{ check: 'policy', outcome: 'passed', detail: 'Every user: the connection has no rules.' }];
  }
  const operations = (['issue', 'proxy'] as const).filter((operation) => vendor[operation] !== undefined);
  const listLacks = ({ lacking }: AccessRule): string => {
    const lacks = operations.flatMap((operation) => lacking(principal, operation));
    return [...new Set(operations.length === 0 ? lacking(principal) : lacks)].join(', ');
  };
  return [
    ...rules.map((rule) => examineRule(name, rule, listLacks(rule))),
    ...observedRules.map((rule): Examined => {
      const lacks = listLacks(rule);
      const found = lacks === '' ? rule.requirement : `${rule.field} would refuse because of ${lacks}.`;
      return { check: 'policy', outcome: 'passed', detail: `${found} The rule only observes.` };
    }),
  ];
}

function examineRule(name: string, { field, requirement }: AccessRule, lacks: string): Examined {
  const isOwnCheck = field === 'issuers' || field === 'requiredScopes' || field === 'requiredClaims';
  const check = isOwnCheck ? field : 'policy';
  if (lacks === '') return { check, outcome: 'passed', detail: requirement };
  if (isOwnCheck) {
    return {
      check,
      outcome: 'failed',
      detail: `The token lacks: ${lacks}.`,
      change: policyChanges[field](name, lacks),
    };
  }
  const change = `Use a token that satisfies vendors.${name}.${field}, or change that rule in the configuration.`;
  return { check, outcome: 'failed', detail: `${field} refuses because of ${lacks}.`, change };
}

const policyChanges = {
  issuers: (name: string) =>
    `Sign in at an identity provider that vendors.${name}.issuers lists, or add the issuer of this token there in the configuration.`,
  requiredScopes: (name: string, lacks: string) =>
    `Have the app request ${lacks} when the user signs in, and allow that in the identity provider's console, or change vendors.${name}.requiredScopes in the configuration.`,
  requiredClaims: (name: string, lacks: string) =>
    `In the identity provider's console, give the token the required value of ${lacks}, or change vendors.${name}.requiredClaims in the configuration.`,
};

/** Runs a check that reads the store. While the store cannot be read, the check is not reached. */
async function examineStored(check: 'blocked' | 'user', examine: () => Promise<Examined>): Promise<Examined> {
  try {
    return await examine();
  } catch (error) {
    if (!ValetKeyError.isInstance(error)) throw error;
    if (error.code !== 'overloaded') {
      return { check, outcome: 'failed', detail: error.message, change: error.remediation };
    }
    return {
      check,
      outcome: 'not_reached',
      detail: 'The broker cannot read the store, so this was not checked.',
      change: 'Run `valetkey doctor`, correct `store` in the configuration or the database it names, and ask again.',
    };
  }
}

async function examineBlock(store: Pick<Store, 'isBlocked'>, principal: Principal): Promise<Examined> {
  if (!(await store.isBlocked(principal))) return { check: 'blocked', outcome: 'passed', detail: 'Not blocked.' };
  return {
    check: 'blocked',
    outcome: 'failed',
    detail: 'The operator has blocked this user.',
    change: 'Unblock the user with `DELETE /v1/blocked-users` on the admin listener.',
  };
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
function examineRequests(connection: Connection, principal: Principal): Examined[] {
  const { id, issue, proxy } = connection.vendor;
  if (issue === undefined && proxy === undefined) {
    const detail = `${id} only signs users in: it issues no token to apps and cannot be called through the broker.`;
    return [{ check: 'issue', outcome: 'failed', detail, change: 'In the app, name a connection of another vendor.' }];
  }
  return [
    ...(issue === undefined ? [] : [examineIssue(connection, issue as IssueAbility, principal)]),
    ...(proxy === undefined ? [] : [examineProxy(connection, proxy, principal)]),
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

function examineProxy({ name, vendor }: Connection, ability: ProxyAbility, principal: Principal): Examined {
  try {
    ability.tokenKey(principal);
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
  const detail = `${vendor.id} would be called with a token of the broker. Allowed: ${calls.join(', ') || 'no call'}.`;
  const unusable = ability.allow.filter((allowed) => findBindingProblem(allowed, principal) !== undefined);
  if (unusable.length === 0) return { check: 'proxy', outcome: 'passed', detail };
  const places = unusable.map((allowed) => `allow.${ability.allow.indexOf(allowed)}`).join(', ');
  const claims = [...new Set(unusable.flatMap(({ path }) => claimsOfPath(path)))].join(', ');
  const refused = `Refused: the calls of ${places}, because the token has no usable claim ${claims} of their issuer.`;
  if (unusable.length < ability.allow.length)
    return { check: 'proxy', outcome: 'passed', detail: `${detail} ${refused}` };
  const change = `In the identity provider's console, add the claim ${claims} to the token, or change vendors.${name}.allow in the configuration.`;
  return { check: 'proxy', outcome: 'failed', detail: refused, change };
}
