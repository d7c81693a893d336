import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { listShortAdminTokens } from './admin-fields.ts';
import { listDpopWarnings } from './check-dpop.ts';
import type { Config } from './config.ts';
import { toConfigPath } from './config-path.ts';
import { listOpened, type Policy } from './policy-rules.ts';
import { listCertificateWarnings } from './listener-tls.ts';
import { isCode } from './plain-data.ts';
import { filesOf, hasReference } from './reference-syntax.ts';
import type { LoadedConfig } from './loaded-config.ts';
import { isSecret, secretsOf } from './secret-values.ts';

/**
 * Lists what an operator should change in a configuration that the broker accepts. Each warning names a field and never contains
 * a secret. `now` is in milliseconds since the epoch.
 */
export async function listWarnings(
  { written, resolved, config, isData }: LoadedConfig,
  now: number = Date.now(),
): Promise<string[]> {
  const secrets = secretsOf(config);
  const warnings: string[] = [];
  const walk = async (writtenPart: unknown, resolvedPart: unknown, path: readonly PropertyKey[]): Promise<void> => {
    if (typeof writtenPart === 'string') {
      if (typeof resolvedPart !== 'string' || !isSecret(resolvedPart, secrets)) return;
      const field = toConfigPath(path);
      if (isData && !hasReference(writtenPart)) warnings.push(`${field}: ${literalSecretWarning}`);
      for (const file of filesOf(writtenPart)) warnings.push(...(await listModeWarnings(field, file)));
    } else if (typeof writtenPart === 'object' && writtenPart !== null && !isCode(path)) {
      const values = (resolvedPart ?? {}) as Readonly<Record<string, unknown>>;
      for (const [key, item] of Object.entries(writtenPart)) await walk(item, values[key], [...path, key]);
    }
  };
  await walk(written, resolved, []);
  return [
    ...warnings,
    ...listPolicyWarnings(config),
    ...listOpenAccounts(config),
    ...listSessionLogouts(config),
    ...listDpopWarnings(config),
    ...listShortAdminTokens(config.admin),
    ...listCertificateWarnings(config, now),
  ];
}

function listPolicyWarnings({ connections, forwardAuth }: Config): string[] {
  const policies: readonly (readonly [place: string, policy: Policy | undefined])[] = [
    ...connections.map(({ name, policy }) => [`vendors.${name}`, policy.policy] as const),
    ['forwardAuth', forwardAuth.policy],
  ];
  return policies.flatMap(([place, policy]) => [
    ...(policy?.rules ?? []).flatMap(({ observe }, index) =>
      observe ? [`${place}.policy.rules.${index}.observe: ${observeWarning}`] : [],
    ),
    ...(policy?.default === 'deny' && listOpened(policy).length === 0
      ? [`${place}.policy.default: ${denyWarning}`]
      : []),
  ]);
}

/** A token of the whole account, or a call, that everybody gets without limit spends the operator's money. Only recipes declare this. */
function listOpenAccounts({ connections, callerLimits }: Config): string[] {
  if (callerLimits.requestsPerMinute !== undefined) return [];
  return connections
    .filter(({ definition: { recipe } }) => recipe?.binding === 'account' || recipe?.binding === 'calls')
    .filter(({ policy: { policy, requiredScopes, requiredClaims } }) => {
      const isOpen = policy === undefined && requiredScopes.length === 0;
      return isOpen && Object.keys(requiredClaims).length === 0;
    })
    .map(({ name, definition: { title, recipe } }) => {
      const warning = recipe?.binding === 'calls' ? openCallsWarning(title) : openAccountWarning(title);
      return `vendors.${name}: ${warning}; ${accountLimits}`;
    });
}

const openAccountWarning = (title: string): string =>
  `every user gets tokens for the whole account at ${title}, as many as they request`;
const openCallsWarning = (title: string): string => `every user calls ${title} for the whole account, without a limit`;
const accountLimits =
  'set `callerLimits.requestsPerMinute`, or `policy`, `requiredScopes` or `requiredClaims` of the connection';

/** A logout token names its user by `sub`, and need not have any other claim of the user. */
function listSessionLogouts({ issuers }: Config): string[] {
  return issuers.flatMap(({ issuer, backChannelLogout, subjectClaims = ['sub'] }) =>
    backChannelLogout === undefined || subjectClaims.every((claim) => claim === 'sub')
      ? []
      : [
          `issuers: a logout token of ${issuer} can end only sessions, unless it has ${subjectClaims.join(' and ')}, which name the user; make sure that logout tokens and access tokens have the claim sid`,
        ],
  );
}

const observeWarning =
  'is on, so that the rule refuses nothing; remove it when the decisions show only what should be refused';

const denyWarning =
  'refuses every operation, because no rule that refuses has `operations`; add a rule that names the operations to allow';

const literalSecretWarning =
  "has a secret in the configuration file, where copies and backups of the file reveal it; write a reference such as '${env:NAME}' or '${file:path}'";

/**
 * Returns a warning if the mode of a file gives any access to users other than the file's owner. Windows has no such modes.
 */
async function listModeWarnings(field: string, file: string): Promise<string[]> {
  if (process.platform === 'win32') return [];
  const mode = await stat(file).then(
    (status) => status.mode & 0o777,
    () => 0,
  );
  if ((mode & 0o077) === 0) return [];
  const path = resolve(file);
  return [
    `${field}: the mode ${mode.toString(8)} of the file ${path} gives access to other users of this machine; run \`chmod 600 ${path}\``,
  ];
}
