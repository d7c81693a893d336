import type { ConnectionExplanation } from '@valetkey/core-types';
import type { ExplainedCheck, Explanation } from '@valetkey/jwt-verify';
import type { Config } from '../config/config.ts';
import { loadUnusedConfig } from '../config/load-config.ts';
import { CommandError } from './command-error.ts';
import { explainToken, type Explained, type ExplainedWish } from './explain.ts';
import { markOf, print, printError } from './terminal.ts';
import { readToken } from './token-input.ts';

/** Reads a token from standard input, and prints the outcome of each check and what to change. */
export async function explain(file: string, options: ExplainedWish): Promise<void> {
  // `explain` calls no vendor, so it also accepts a configuration with credentials of the sandbox.
  const config = await loadUnusedConfig(file);
  // The token is not an argument, because every process of this machine can read the arguments of a program.
  const token = await readToken(process.stdin, () => {
    printError('Paste the token, then press Ctrl-D. The token is not shown. Ctrl-C cancels.');
  });
  if (token === '') {
    throw new CommandError('standard input has no token; `valetkey explain --help` shows how to pass one');
  }
  const explained = await explainToken(config, token, options);
  const isBound = needsProof(explained.token, options);
  printToken(explained.token, isBound);
  if (isBound) {
    if (options.connection !== undefined) printUncheckedRules(options.connection);
    return;
  }
  if (explained.connection !== undefined) printConnection(explained.connection);
  if (explained.forwardAuth !== undefined) printForwardAuth(explained.forwardAuth, options.operation ?? '');
  const use = explained.connection ?? explained.forwardAuth;
  const change = changeOf(explained.token, config) ?? use?.change;
  if (change !== undefined) print(`What to change: ${change}`);
  if (!explained.token.accepted || use?.allowed === false) process.exitCode = 1;
}

/**
 * Returns whether a token is refused only because no proof came with it: it is bound to a key, which its app alone has. Forward
 * authentication refuses every such token.
 */
export function needsProof({ checks }: Explanation, { operation }: ExplainedWish = {}): boolean {
  if (operation === 'authorize' || operation === 'resolve') return false;
  return checks.find(({ outcome }) => outcome === 'failed')?.check === 'proof';
}

function printUncheckedRules(connection: string): void {
  print(
    `The rules of ${connection} were not checked, because only a proof makes the token valid. Set \`session.explain\`, and call /v1/session?explain=${connection} from the app.`,
  );
  process.exitCode = 1;
}

function printToken({ accepted, token, expected, checks }: Explanation, isBound: boolean): void {
  if (token !== undefined) {
    const { iss, aud, app = {}, typ, alg, lifetimeSeconds } = token;
    print(`The token has iss ${quote(iss)}; accepted: ${expected.iss}`);
    for (const [name, value, accepts = 'as its issuer is configured'] of [
      ['aud', aud, expected.aud],
      ['typ', typ, expected.typ],
      ['alg', alg, expected.alg],
      ['lifetime in seconds (exp - iat)', lifetimeSeconds, expected.lifetime],
    ] as const) {
      print(`The token has ${name} ${quote(value)}; accepted: ${accepts}`);
    }
    for (const [name, value] of Object.entries(app)) print(`The token has ${name} ${quote(value)}, which names an app`);
  }
  for (const { check, outcome, detail, remediation } of checks) {
    if (isBound && check === 'proof') {
      print(
        `${markOf('not_checked')} proof: The token is bound to a key. Only the app can sign a DPoP proof with this key.`,
      );
      continue;
    }
    print(`${markOf(outcome)} ${check}: ${detail}`);
    if (remediation !== undefined) print(`    ${remediation}`, 0);
  }
  if (isBound) print('The broker accepts the token with a proof, as `Authorization: DPoP <token>`.');
  else print(accepted ? 'The broker accepts the token.' : 'The broker refuses the token.');
}

function printConnection({ connection, allowed, checks }: ConnectionExplanation): void {
  for (const { check, outcome, detail } of checks) print(`${markOf(outcome)} ${connection} ${check}: ${detail}`);
  const verdict = allowed ? 'may use' : 'cannot use';
  print(`The user of the token ${verdict} the connection ${connection}. No vendor was called.`);
}

function printForwardAuth({ allowed, checks }: NonNullable<Explained['forwardAuth']>, operation: string): void {
  for (const { check, outcome, detail } of checks) print(`${markOf(outcome)} ${operation} ${check}: ${detail}`);
  const verdict = allowed ? 'lets' : 'does not let';
  print(`/v1/${operation} ${verdict} the user of the token through. Scopes that a proxy asks for were not checked.`);
}

/** Returns a value of the token as JSON in printable ASCII, so that it cannot control a terminal. */
function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'absent';
  return text.replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Returns what to change, and where, for a token that is refused. */
export function changeOf({ checks, issuer }: Explanation, { issuers }: Config): string | undefined {
  const failed = checks.find(({ outcome }) => outcome === 'failed');
  if (failed === undefined) return undefined;
  // A preset has options instead of the fields below, and its advice names them.
  const { remediation = '' } = failed;
  const advice = issuers.flatMap(({ remediations = {} }) => Object.values(remediations));
  if (advice.some((sentence) => remediation.includes(sentence))) return remediation;
  const place = `in the configuration of ${issuer === undefined ? 'its issuer' : `the issuer ${issuer}`}`;
  return `${changes[failed.check].replace('{place}', place)}.`;
}

const changes: Readonly<Record<ExplainedCheck['check'], string>> = {
  size: "in the identity provider's console, give the token fewer claims",
  form: 'in the app, send the whole access token, or for opaque tokens set `introspection` or `resolver` {place}',
  header: 'in the app, send the access token as the identity provider issued it',
  claims: 'in the app, send the access token as the identity provider issued it',
  'look-up': 'in the app, send a token that has not ended, or correct `introspection` or `resolver` {place}',
  issuer:
    "in the app, send a token of an accepted issuer, or write the token's iss to the letter into `issuers` in the configuration",
  algorithm:
    "in the identity provider's console, sign with an accepted algorithm, or add the token's alg to `algorithms` {place} unless it is a shared secret's (HS256)",
  type: 'in the app, send the access token and not the ID token, or set `tokenType` {place}',
  dates:
    'in the app, get a fresh token; if it is fresh, correct the clock of this machine, or `maxLifetimeSeconds` {place}',
  audience: "in the app, request a token for an accepted audience, or add the token's aud to `audiences` {place}",
  client: 'in the app, send a token that was issued to this app, or correct `clientIds` or `clientClaims` {place}',
  'claim-rules':
    "in the identity provider's console, change the claims of the token, or change `requiredClaims` or `forbiddenClaims` {place}",
  person: 'in the app, send the token of a signed-in user, or set `machines.accepted` or `anonymous.accepted` {place}',
  subject: "in the identity provider's console, put a stable user id into the token, or set `subjectClaims` {place}",
  binding: 'in the app, send the kind of token that is accepted (bearer or DPoP), or set `dpop` {place}',
  key: 'in the app, get a fresh token; if it is refused again, correct `jwksUri`, `jwks` or the network {place}',
  signature: 'in the app, send the token unchanged; if it is unchanged, use the identity provider that issued it',
  revocation: 'in the app, sign the user in again',
  proof: 'in the app, send a token that is not bound to a key, because forward authentication accepts no proof',
};
