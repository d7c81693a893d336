import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';
import { startValetkey } from '../support/valetkey-process.ts';

const page = await readFile(new URL('../../../../docs/policy.md', import.meta.url), 'utf8');
const environment = { NYMBL_CLIENT_SECRET: 'a-client-secret', NYMBL_API_KEY: 'an-api-key' };

/** Returns the code block of the page that begins with this text. */
function blockOf(start: string): string {
  const block = page.split('```').find((part) => part.startsWith(start));
  return block?.slice(block.indexOf('\n') + 1) ?? '';
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-policy-'));
  await writeFile(join(folder, 'valetkey.config.yaml'), blockOf('yaml\n# valetkey.config.yaml'));
  await writeFile(join(folder, 'policy.test.yaml'), blockOf('yaml\n# policy.test.yaml'));
});
afterAll(() => rm(folder, { recursive: true }));

async function testPolicy(file: string, config = 'valetkey.config.yaml') {
  await using child = startValetkey(['policy', 'test', file, '--config', config], folder, environment);
  return { exitCode: await child.exitCode, output: child.output() };
}

test('`valetkey policy test` prints for the example of the page what the page shows, and exits with 0', async () => {
  expect(await testPolicy('policy.test.yaml')).toEqual({ exitCode: 0, output: blockOf('\n✓') });
});

test('`valetkey policy test` names each example that is decided otherwise than expected, and exits with 1', async () => {
  const examples = await readFile(join(folder, 'policy.test.yaml'), 'utf8');
  const changed = examples.replace('expect: allowed', 'expect: refused').replace('field: allow.0', 'field: issuers');
  await writeFile(join(folder, 'changed.test.yaml'), changed);
  const { exitCode, output } = await testPolicy('changed.test.yaml');
  expect(exitCode).toBe(1);
  expect(output.split('\n')).toEqual([
    '✗ a patient reads the own record: allowed, but expected: refused',
    '✗ a patient does not read the record of another patient: refused by allow.0, but expected: refused by issuers',
    '✓ a user without the role reads nothing: refused by policy.rules.0',
    '3 examples, 2 decided otherwise than expected.',
    '',
  ]);
});

test('`valetkey policy test` decides the time of day, the operation and what the vendor reads of a token', async () => {
  const principal = { issuer: 'https://id.example.com' };
  const at = (time: string) => ({ at: `2026-11-28T${time}:00+01:00` });
  const examples = [
    { connection: 'nudge', operation: 'issue', principal, ...at('08:00'), expect: 'allowed' },
    { connection: 'nudge', operation: 'issue', principal, ...at('18:00'), expect: 'refused', field: 'policy.rules.0' },
    { connection: 'nudge', operation: 'proxy', principal, ...at('08:00'), expect: 'refused', field: 'operation' },
    { connection: 'nymbl', operation: 'proxy', principal, expect: 'refused', field: 'customer' },
    { connection: 'nymbl', operation: 'proxy', principal, path: '/Visits', expect: 'refused', field: 'allow' },
  ];
  const require = { between: ['08:00', '18:00'], timeZone: 'Europe/Berlin' };
  const config = {
    issuers: [{ issuer: principal.issuer, audiences: ['api'] }],
    vendors: {
      nudge: { apiKey: 'key', policy: { rules: [{ require }] } },
      nymbl: { clientId: 'a', clientSecret: 'b', apiKey: 'c', customer: { claim: 'organization' } },
    },
  };
  await writeFile(join(folder, 'times.test.json'), JSON.stringify({ examples }));
  await writeFile(join(folder, 'times.config.json'), JSON.stringify(config));
  const { exitCode, output } = await testPolicy('times.test.json', 'times.config.json');
  expect(output).toMatch(/5 examples, 0 decided otherwise than expected\.\n$/);
  expect(exitCode).toBe(0);
});

test('`valetkey policy test` lists what is wrong in a file of examples', async () => {
  const issuer = 'https://id.example.com';
  const example = { connection: 'nymbl', operation: 'proxy', principal: { issuer }, expect: 'allowed' };
  const write = (...examples: readonly object[]) =>
    writeFile(join(folder, 'wrong.test.json'), JSON.stringify({ examples }));
  await write({ ...example, operation: 'map' }, { ...example, field: 'allow' }, { ...example, claim: 'a' });
  const malformed = await testPolicy('wrong.test.json');
  expect(malformed.exitCode).toBe(1);
  expect(malformed.output).toMatch(/^valetkey: wrong\.test\.json cannot be used:/);
  for (const field of ['examples.0.operation', 'examples.1.field', 'examples.2.claim']) {
    expect(malformed.output).toContain(field);
  }
  await write({ ...example, connection: 'other' }, { ...example, principal: { issuer: 'https://x.example.com' } });
  const unknown = await testPolicy('wrong.test.json');
  expect(unknown.output).toContain('examples.0.connection: is not one of nymbl');
  expect(unknown.output).toContain('examples.1.principal.issuer: is not an issuer of the configuration');
  await using bare = startValetkey(['policy', 'test', 'policy.test.yaml'], folder, environment);
  expect(await bare.exitCode).toBe(1);
  expect(bare.output()).toContain('`--config` is missing');
});

test('a caller of a bound path reaches only the own record, and the log says which field refused', async () => {
  await using sandbox = await createSandbox();
  const { vendors, ...config } = createConfigFor(sandbox);
  const { nudge, authgear, nymbl } = vendors;
  const issuer = sandbox.urls.idp;
  const allow = [
    { method: 'GET' as const, path: "/Patients('{claim:patient_id}')", query: ['$select'], issuer },
    { method: 'GET' as const, path: '/*' },
  ];
  const rules = [
    { require: { not: { claim: 'suspended', equals: true } }, operations: ['proxy' as const] },
    { require: { scope: 'canary-scope' }, observe: true },
  ];
  await using broker = await startRecordingBroker({
    ...config,
    session: { explain: true },
    vendors: { nudge, authgear, nymbl: { ...nymbl, allow, policy: { rules } } },
  });
  const alice = await sandbox.mintUserToken({ sub: 'alice', claims: { patient_id: 'acme-corp-1' } });
  const get = (path: string, token = alice) => broker.call(`/v1/vendors/nymbl/proxy${path}`, token);
  expect((await get("/Patients('acme-corp-1')?$select=id")).status).toBe(200);

  const forwarded = sandbox.calls()['nymbl'];
  const bob = await sandbox.mintUserToken({ sub: 'bob', claims: { patient_id: ['acme-corp-2'] } });
  const suspended = await sandbox.mintUserToken({ sub: 'carol', claims: { suspended: 'true' } });
  for (const [path, token, expected] of [
    ["/Patients('acme-corp-2')", alice, 'patient_id of your own token'],
    ["/Patients('acme%2Dcorp-1')", alice, 'Encode only'],
    ["/Patients('acme-corp-1')?$filter=true", alice, '$select'],
    ['/$batch', alice, 'each request of the batch'],
    [`?url=${encodeURIComponent(`${sandbox.urls.nymbl}/Patients('acme-corp-2')`)}`, alice, 'patient_id'],
    ["/Patients('acme-corp-2')", bob, 'carries the claim patient_id'],
    ["/Patients('acme-corp-2')", suspended, 'the claim suspended'],
  ] as const) {
    const response = await get(path, token);
    const problem = (await response.json()) as { code: string; remediation: string };
    expect([response.status, problem.code], path).toEqual([403, 'forbidden']);
    expect(problem.remediation).toContain(expected);
    expect(JSON.stringify(problem)).not.toContain('acme-corp-2');
  }
  expect(sandbox.calls()['nymbl'], 'nothing is forwarded').toEqual(forwarded);

  const { log } = await broker.readRecords();
  for (const reason of ['allow.0', 'policy.rules.0']) expect(log).toContain(`"reason":"${reason}"`);
  const observed = broker.logLines().find((line) => line.includes('would be refused'));
  expect(observed).toContain('"rule":"policy.rules.1"');
  expect(await (await broker.callAdmin('/readyz')).json()).toMatchObject({
    policy: 'only observed: vendors.nymbl.policy.rules.1',
  });
  const session = async (token: string) =>
    (await (await broker.call('/v1/session?explain=nymbl', token)).json()) as { vendors: object; explanation: object };
  expect(Object.keys((await session(alice)).vendors)).toContain('nymbl');
  const refused = await session(suspended);
  expect(Object.keys(refused.vendors)).not.toContain('nymbl');
  expect(JSON.stringify(refused.explanation)).toContain('policy.rules.0 refuses because of the claim suspended.');
});

test('a function in a TypeScript configuration narrows a connection, and `policy test` asks it', async () => {
  const issuer = 'https://id.example.com';
  await writeFile(
    join(folder, 'function.config.mjs'),
    `export default {
      issuers: [{ issuer: '${issuer}', audiences: ['api'] }],
      vendors: {
        nudge: { apiKey: 'key', policy: { default: 'deny', rules: [{ require: { scope: 'a' }, operations: ['issue'] }],
          decide: async ({ principal, operation, connection }) => {
            if (principal.subject === 'thrower') throw new Error('canary');
            return principal.subject === 'alice' && operation === 'issue' && connection === 'nudge';
          } } },
        nymbl: { clientId: 'a', clientSecret: 'b', apiKey: 'c', customer: { value: 'acme' },
          allow: [{ method: 'GET', path: '/Patients({id})' }],
          policy: { decide: ({ method, path }) => method === 'GET' && path === '/Patients(1)' } },
      },
      forwardAuth: { policy: { default: 'deny', rules: [{ require: { scope: 'a' }, operations: ['authorize'] }] } },
    };`,
  );
  const principal = (subject: string, scopes = ['a']) => ({ issuer, subject, scopes });
  const issue = { connection: 'nudge', operation: 'issue' };
  const proxy = { connection: 'nymbl', operation: 'proxy', principal: principal('alice') };
  const examples = [
    { ...issue, principal: principal('alice'), expect: 'allowed' },
    { ...issue, principal: principal('alice', []), expect: 'refused', field: 'policy.rules.0' },
    { ...issue, principal: principal('bob'), expect: 'refused', field: 'policy.decide' },
    { ...issue, principal: principal('thrower'), expect: 'refused' },
    { ...proxy, path: '/Patients%281%29', expect: 'allowed' },
    { ...proxy, path: '/Patients(2)', expect: 'refused', field: 'policy.decide' },
    { ...proxy, path: '/Users', expect: 'refused', field: 'allow' },
    { operation: 'authorize', principal: principal('alice'), expect: 'allowed' },
    { operation: 'authorize', principal: principal('alice', []), expect: 'refused', field: 'policy.rules.0' },
    { operation: 'resolve', principal: principal('alice'), expect: 'refused', field: 'policy.default' },
  ];
  await writeFile(join(folder, 'function.test.json'), JSON.stringify({ examples }));
  const { exitCode, output } = await testPolicy('function.test.json', 'function.config.mjs');
  expect(output.split('\n').filter((line) => !line.startsWith('✓'))).toEqual([
    '✗ example 4: not decided by policy.decide: threw, but expected: refused',
    '10 examples, 1 decided otherwise than expected.',
    '',
  ]);
  expect(exitCode).toBe(1);
});

test('`valetkey policy test` requires a path where a function decides about each call, and no connection for forward authentication', async () => {
  const issuer = 'https://id.example.com';
  await writeFile(
    join(folder, 'deciding.config.mjs'),
    `export default {
      issuers: [{ issuer: '${issuer}', audiences: ['api'] }],
      vendors: { nymbl: { clientId: 'a', clientSecret: 'b', apiKey: 'c', customer: { value: 'acme' },
        policy: { decide: () => true } } },
    };`,
  );
  const example = { connection: 'nymbl', operation: 'proxy', principal: { issuer }, expect: 'allowed' };
  const write = (...examples: readonly object[]) =>
    writeFile(join(folder, 'deciding.test.json'), JSON.stringify({ examples }));
  await write(example);
  expect((await testPolicy('deciding.test.json', 'deciding.config.mjs')).output).toContain(
    'examples.0.path: is missing, because vendors.nymbl.policy.decide decides about each call',
  );
  await write({ ...example, operation: 'authorize' }, { ...example, connection: undefined });
  const { output } = await testPolicy('deciding.test.json', 'deciding.config.mjs');
  expect(output).toContain('examples.0.connection: is only for the operations issue and proxy');
  expect(output).toContain('examples.1.connection: is missing');
});

test('the session lists operations without the function, and an operation that no rule names is not among them', async () => {
  await using sandbox = await createSandbox();
  const { vendors, ...config } = createConfigFor(sandbox);
  const { nudge, nabla, authgear } = vendors;
  let asked = 0;
  const decide = () => (asked += 1) === 0;
  await using broker = await startRecordingBroker({
    ...config,
    vendors: {
      authgear,
      nabla: { ...nabla, policy: { default: 'deny', rules: [{ require: { not: { scope: 'none' } } }] } },
      nudge: { ...nudge, policy: { decide } },
    },
  });
  const alice = await sandbox.mintUserToken({ sub: 'alice' });
  const { vendors: listed } = (await (await broker.call('/v1/session', alice)).json()) as { vendors: object };
  expect(Object.keys(listed)).toContain('nudge');
  expect(Object.keys(listed)).not.toContain('nabla');
  expect(asked).toBe(0);
  const refused = await broker.issue('nudge', alice);
  expect([refused.status, asked]).toEqual([403, 1]);
  expect((await broker.issue('nabla', alice)).status).toBe(403);
  const { audit } = await broker.readRecords();
  expect(audit).toContain('"reason":"policy.decide"');
  expect(audit).toContain('"reason":"policy.default"');
  expect(sandbox.calls()['nudge'] ?? {}).toEqual({});
});

test('rules that only observe, and functions, never loosen a path that is bound to a claim', async () => {
  await using sandbox = await createSandbox();
  const { vendors, ...config } = createConfigFor(sandbox);
  const { nymbl, authgear } = vendors;
  const allow = [
    { method: 'GET' as const, path: "/Patients('{claim:patient_id}')", issuer: sandbox.urls.idp },
    { method: 'GET' as const, path: '/*' },
  ];
  const policy = { rules: [{ require: { scope: 'none' }, observe: true }], decide: () => true };
  await using broker = await startRecordingBroker({
    ...config,
    vendors: { authgear, nymbl: { ...nymbl, allow, policy } },
  });
  const alice = await sandbox.mintUserToken({ sub: 'alice', claims: { patient_id: 'acme-corp-1' } });
  const get = (path: string) => broker.call(`/v1/vendors/nymbl/proxy${path}`, alice);
  expect((await get("/Patients('acme-corp-1')")).status).toBe(200);
  expect((await get("/Patients('acme-corp-2')")).status).toBe(403);
  const { decisions } = JSON.parse((await broker.readRecords()).audit) as { decisions: Record<string, unknown>[] };
  expect(decisions.map(({ outcome, reason, observed }) => [outcome, reason, observed])).toEqual([
    ['forbidden', 'allow.0', 'policy.rules.0'],
    ['allowed', undefined, 'policy.rules.0'],
  ]);
});
