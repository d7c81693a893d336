import { Document, isMap, isScalar } from 'yaml';
import { writeTenant, type IssuerOptions } from '@valetkey/core-types';
import type { StarterAnswers } from './starter-answers.ts';
import { listIssuerSettings, toIssuer } from './starter-issuers.ts';

/** The files that `valetkey init` writes. */
export const starterFileNames = ['valetkey.yaml', '.env.example', 'policy.test.yaml'] as const;

/** The texts of the files, by their names. */
export type StarterFiles = Readonly<Record<(typeof starterFileNames)[number], string>>;

/** A rule that refuses nobody whose token lacks the claim, so that it may stay until the operator has rules of their own. */
const firstRule = { require: { not: { claim: 'suspended', equals: true } } };

/** Returns the configuration, with `credentialOf` in place of each credential. `issuer` is the `iss` of the users' tokens. */
export function createStarterConfig(
  { provider, issuerSettings, vendors }: StarterAnswers,
  issuer: string,
  credentialOf: (variable: string) => unknown,
) {
  const ruled = vendors.find(({ operation }) => operation !== undefined);
  const connections = vendors.map(({ id, credentials, chosen, examples, isUserGivenByVendor }) => {
    const secrets = credentials.map(({ option, variable }) => [option, credentialOf(variable)] as const);
    const policy = id === ruled?.id ? { policy: { rules: [firstRule] } } : {};
    // With the issuer, because the tokens of another one may have a claim of this name.
    const user = isUserGivenByVendor ? { user: { claim: 'vendor_user_id', issuer } } : {};
    return [id, { ...Object.fromEntries(secrets), ...chosen, ...examples, ...user, ...policy }] as const;
  });
  return {
    issuers: [toIssuer(provider, issuerSettings)],
    callerLimits: { requestsPerMinute: 60 },
    vendors: Object.fromEntries(connections),
  };
}

/** Returns the files of a first configuration. `issuer` is the `iss` of the users' tokens. */
export function renderStarterFiles(answers: StarterAnswers, issuer: string): StarterFiles {
  return {
    'valetkey.yaml': renderConfig(answers, issuer),
    '.env.example': renderEnvironment(answers),
    'policy.test.yaml': renderPolicyTest(answers, issuer),
  };
}

const configHead = ` yaml-language-server: $schema=node_modules/@valetkey/broker/config.schema.json
 The configuration of the Valet Key broker.
 valetkey check --config valetkey.yaml
 tells whether the broker can use it.`;

const configEnd = ` What else is often set. The configuration page of the documentation lists everything.

 listen: { port: 8787 } # for apps; a proxy in front of it terminates TLS
 admin: { port: 8788, token: '\${env:VALETKEY_ADMIN_TOKEN}' } # for operators
 cors: { origins: [https://app.example.com] } # web pages that call the broker
 store: { postgres: '\${env:DATABASE_URL}' } # for several brokers`;

function renderConfig(answers: StarterAnswers, issuer: string): string {
  const document = new Document(createStarterConfig(answers, issuer, (variable) => `\${env:${variable}}`));
  document.commentBefore = configHead;
  document.comment = configEnd;
  const { contents } = document;
  comment(contents, 'issuers', 'The identity provider whose tokens the broker accepts.');
  comment(
    contents,
    'callerLimits',
    'How often each user may call, so that none uses up your account at a vendor.',
    true,
  );
  comment(contents, 'vendors', 'The connections. Each secret is in a variable, which .env.example lists.', true);
  const settings = listIssuerSettings(answers.provider) ?? [];
  for (const { name, description } of settings) comment(document.getIn(['issuers', 0]), name, description);
  for (const { id, title, listed, credentials, descriptions } of answers.vendors) {
    const allow = listed.map((name) => `${name}: [a value]`).join(', ');
    const advice = allow === '' ? '' : `. Callers may only set what you list, such as allow: { ${allow} }`;
    comment(document.get('vendors'), id, `${title}${advice}`, true);
    const connection = document.getIn(['vendors', id]);
    for (const { option, description } of credentials) comment(connection, option, description);
    for (const [name, description] of Object.entries(descriptions)) comment(connection, name, description);
    comment(connection, 'policy', 'Who may use it. policy.test.yaml has examples of what these rules decide.');
  }
  return document.toString({ lineWidth: 0 });
}

/** Writes a comment above a key of a map, with an empty line before it if it begins a part of the file. */
function comment(map: unknown, name: string, text: string, beginsPart = false): void {
  const key = isMap(map)
    ? map.items.map((pair) => pair.key).find((one) => isScalar(one) && one.value === name)
    : undefined;
  if (!isScalar(key)) return;
  key.spaceBefore = beginsPart;
  if (text !== '') key.commentBefore = ` ${text.replaceAll('\n', ' ')}`;
}

function renderEnvironment({ vendors }: StarterAnswers): string {
  const lines = vendors.flatMap(({ title, credentials }) =>
    credentials.flatMap(({ variable, description, isPrivateKey }) => [
      '',
      `# ${title}: ${description}`,
      ...(isPrivateKey ? ['# Write it between double quotes, with its line breaks.'] : []),
      `${variable}=`,
    ]),
  );
  const head = '# Copy this file to .env, and write your secrets there. Keep .env out of version control.';
  return `${[head, ...lines].join('\n')}\n`;
}

function renderPolicyTest({ vendors }: StarterAnswers, issuer: string): string {
  const user = { issuer, subject: 'alice' };
  const suspended = { issuer, subject: 'mallory', claims: { suspended: true } };
  const usable = vendors.filter(({ operation }) => operation !== undefined);
  const allowed = usable.map(({ id, title, operation }) => ({
    name: `a user may use ${title}`,
    connection: id,
    operation,
    principal: user,
    expect: 'allowed',
  }));
  const refused = usable.slice(0, 1).map(({ id, title, operation }) => ({
    name: `a suspended user may not use ${title}`,
    connection: id,
    operation,
    principal: suspended,
    expect: 'refused',
    field: 'policy.rules.0',
  }));
  const signIn = { name: 'a user passes forward authentication', operation: 'authorize', principal: user };
  const examples = usable.length === 0 ? [{ ...signIn, expect: 'allowed' }] : [...allowed, ...refused];
  const document = new Document({ examples }, { aliasDuplicateObjects: false });
  document.commentBefore =
    ' What the policies of valetkey.yaml are meant to decide.\n valetkey policy test policy.test.yaml --config valetkey.yaml\n compares this with what they decide.';
  return document.toString({ lineWidth: 0 });
}

/** Returns an `iss` of an issuer: that of its first tenant, if the issuer has tenants. */
export function exampleIssuer({ issuer, tenants }: IssuerOptions): string {
  if (tenants === undefined) return issuer;
  const [tenant = 'tenant'] = tenants.accepted === 'any' ? [] : tenants.accepted;
  return writeTenant(issuer, tenant);
}
