import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { systemClock, type Clock } from '@valetkey/core-types';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { examine } from '../../src/cli/doctor.ts';
import { assemble } from '../../src/assemble.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { migratePostgresStore } from '../../src/storage/postgres-store.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createDpopKey, type DpopKey } from '../support/dpop-key.ts';
import { isPgBouncerAvailable, startPgBouncer } from '../support/pgbouncer.ts';
import { createPostgresSchema, isPostgresAvailable, postgresServerUrl } from '../support/postgres-server.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';
import { startValetkey } from '../support/valetkey-process.ts';

// Each row of the page names the words that an operator or a developer sees. Each test here makes the mistake of one row, and
// compares what the broker, its log or the command prints with these words.

const page = await readFile(new URL('../../../../docs/troubleshooting.md', import.meta.url), 'utf8');

/** The symptoms of the page, each with its cause and fix. */
const rows = new Map(
  page
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (?:what you see |-)/.test(line))
    .map((line) => line.slice(2, -2).split(' | '))
    .map(([symptom = '', ...others]) => [symptom.trim(), others.map((cell) => cell.trim())]),
);

const hasPostgres = await isPostgresAvailable();
const hasPgBouncer = await isPgBouncerAvailable();

let sandbox: Sandbox;
let folder: string;
let broker: RecordingBroker;
beforeAll(async () => {
  sandbox = await createSandbox();
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  broker = await startRecordingBroker(createConfigFor(sandbox));
});
afterAll(async () => {
  await broker[Symbol.asyncDispose]();
  await sandbox.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => sandbox.setFaults([]));

type Config = ReturnType<typeof createConfigFor>;
type Claims = Record<string, string | number | boolean>;

/** Returns what a caller sees of a response: the header lines and the body. */
async function show(response: Response): Promise<string> {
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  const text = await response.text();
  const problem = text.startsWith('{') ? Object.values(JSON.parse(text) as object).join(' ') : text;
  return `${headers}\n${problem}`;
}

type TokenRequest = Parameters<Sandbox['mintUserToken']>[0];

/** Sends a token of alice with these differences to the broker. */
async function useToken(differences: Partial<TokenRequest> = {}, connection = 'nudge'): Promise<string> {
  return show(await broker.issue(connection, await sandbox.mintUserToken({ sub: 'alice', ...differences })));
}

const withClaims = (claims: Claims) => useToken({ claims });

/** Sends alice's token to a broker whose configuration differs. */
async function useBroker(
  change: (config: Config) => object,
  call: (own: RecordingBroker, token: string) => Promise<Response>,
  clock: Clock = systemClock,
): Promise<string> {
  await using own = await startRecordingBroker(change(createConfigFor(sandbox)) as Config, { clock });
  const shown = await show(await call(own, await sandbox.mintUserToken({ sub: 'alice' })));
  return `${shown}\n${own.logLines().join('\n')}`;
}

/** Changes the fields of one connection. */
const withConnection = (name: keyof Config['vendors'], fields: object) => (config: Config) => ({
  ...config,
  vendors: { ...config.vendors, [name]: { ...config.vendors[name], ...fields } },
});

const issueNudge = (own: RecordingBroker, token: string) => own.issue('nudge', token);

/** Runs a command of `valetkey` with a configuration, and returns what it prints. */
async function run(command: string, config: string | object, input = ''): Promise<string> {
  const file = join(folder, `config.${typeof config === 'string' ? 'yaml' : 'json'}`);
  await writeFile(file, typeof config === 'string' ? config : JSON.stringify(config));
  await using child = startValetkey([command, '--config', file], folder);
  child.sendInput(input);
  expect(await child.exitCode, child.output()).toBe(1);
  return child.output();
}

/** Returns what `valetkey doctor` finds wrong with a configuration. It refuses credentials of the sandbox only in a process. */
async function diagnose(change: (config: Config) => object): Promise<string> {
  const findings = await examine(parseConfig(change(createConfigFor(sandbox))));
  return findings.map(({ part, detail }) => `${part}: ${detail}`).join('\n');
}

const withStore = (postgres: string) => (config: Config) => ({ ...config, store: { postgres } });

async function diagnosePostgres(prepare: (schema: Schema) => Promise<string>) {
  await using schema = await createPostgresSchema();
  return await diagnose(withStore(await prepare(schema)));
}

type Schema = Awaited<ReturnType<typeof createPostgresSchema>>;

/** Creates a role that may use the tables of a schema but create none, and returns the URL for it. */
async function createRole({ name, url, execute }: Schema, setting?: string): Promise<string> {
  const role = `${name}_role`;
  await execute(`CREATE ROLE ${role} LOGIN PASSWORD 'password'`);
  onTestFinished(async () => {
    await execute(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });
  await execute(`GRANT USAGE ON SCHEMA ${name} TO ${role}`);
  await execute(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${name} TO ${role}`);
  if (setting !== undefined) await execute(`ALTER ROLE ${role} ${setting}`);
  const own = new URL(url);
  own.username = role;
  own.password = 'password';
  return own.href;
}

const redisAt = (url: string) => (config: Config) => ({
  ...config,
  redis: { url, sealingKeys: [{ id: 'a', secret: 'a-text-of-more-than-32-characters-here' }] },
});

/** Answers every byte with these bytes. */
async function startAnswering(answer: string) {
  const server = createServer((socket) => {
    socket.on('data', () => socket.end(answer)).on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

const callNymbl = (path: string, init: RequestInit) => async () =>
  show(await broker.call(`/v1/vendors/nymbl/proxy${path}`, await sandbox.mintUserToken({ sub: 'alice' }), init));

/** Calls a record of Nymbl through a connection that allows a caller only the own one, `acme-corp-1`. */
const callOwnRecord = (path: string, claims: Record<string, string | string[]>) => () => {
  const allow = [{ method: 'GET', path: "/Patients('{claim:patient_id}')", issuer: sandbox.urls.idp }];
  return useBroker(withConnection('nymbl', { allow }), async (own) =>
    own.call(`/v1/vendors/nymbl/proxy${path}`, await sandbox.mintUserToken({ sub: 'alice', claims })),
  );
};

const yaml = "issuers: [{ issuer: 'https://id.example.com', audiences: [api] }]\n";

/** Sends a token that is bound to a key to a broker that accepts it, each time with a proof that `prove` returns. */
function useProof(
  prove: (key: DpopKey, request: { method: string; url: string; token: string }) => string | undefined,
  times = 1,
  dpop: object = {},
): Promise<string> {
  const publicUrl = 'https://broker.example.com';
  return useBroker(
    (config) => ({ ...config, publicUrl, dpop, issuers: config.issuers.map((issuer) => ({ ...issuer, dpop: {} })) }),
    async (own) => {
      const key = createDpopKey();
      const token = await sandbox.mintUserToken({ sub: 'alice', claims: { cnf: { jkt: key.thumbprint } } });
      const path = '/v1/vendors/nudge/token';
      const send = () => {
        const proof = prove(key, { method: 'POST', url: publicUrl + path, token });
        const headers =
          proof === undefined ? { authorization: `Bearer ${token}` } : { authorization: `DPoP ${token}`, dpop: proof };
        return own.call(path, undefined, { method: 'POST', headers });
      };
      for (let count = 1; count < times; count += 1) await send();
      return send();
    },
  );
}

/** The mistakes, by the words that the page shows for each of them. */
const mistakes: Readonly<Record<string, () => Promise<string>>> = {
  'The token is meant for another audience: its aud must name … Ask the identity provider for an access token with the audience':
    () => useToken({ audience: 'other' }),
  'The token is not marked as an access token: its header must have typ at+jwt.': () => useToken({ typ: 'JWT' }),
  'The token is not an access token. Send the access token, not the ID token': () =>
    useBroker(
      (config) => ({ ...config, issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'], tokenType: 'any' }] }),
      async (own) =>
        own.issue('nudge', await sandbox.mintUserToken({ sub: 'alice', typ: 'JWT', claims: { nonce: 'n' } })),
    ),
  'The token is not a signed JWT: three segments of unpadded base64url, joined by dots.': async () =>
    show(await broker.issue('nudge', 'an-opaque-token')),
  'The token is bound to a key, and the request carries no proof of that key.': () => useProof(() => undefined),
  'The token is bound to a key in a way that its issuer record does not accept.': async () =>
    show(
      await broker.issue(
        'nudge',
        await sandbox.mintUserToken({ sub: 'alice', claims: { cnf: { jkt: createDpopKey().thumbprint } } }),
      ),
    ),
  'The DPoP proof is for another URL (htu).': () =>
    useProof((key, request) => key.prove({ ...request, url: 'http://127.0.0.1:8787/v1/vendors/nudge/token' })),
  'The DPoP proof was not signed within the last 60 seconds (iat).': () =>
    useProof((key, request) => key.prove(request, { iat: Math.floor(Date.now() / 1000) - 600 })),
  'The DPoP proof was used before (jti).': () => useProof((key, request) => key.prove(request, { jti: 'one' }), 2),
  'Too many DPoP proofs of this principal are in use.': () =>
    useProof((key, request) => key.prove(request), 2, { maxProofsPerPrincipal: 1 }),
  'publicUrl: is missing, and `dpop` of an identity provider needs it': () =>
    run('check', "issuers: [{ issuer: 'https://id.example.com', audiences: [api], dpop: {} }]\n"),
  'The token … expired … Get a fresh token from your identity provider': () => useToken({ expires_in: -60 }),
  "The token was issued in the future … Compare the clock of this machine with the identity provider's clock.": () =>
    useBroker((config) => config, issueNudge, { ...systemClock, nowMs: () => systemClock.nowMs() - 600_000 }),
  'The token is from an identity provider that is not configured: its iss … must be … slash at the end': () =>
    useBroker(
      ({ vendors: { nudge }, ...config }) => ({
        ...config,
        issuers: [{ issuer: `${sandbox.urls.idp}/`, audiences: ['valetkey'] }],
        vendors: { nudge },
      }),
      issueNudge,
    ),
  'The token is signed with a key that its issuer does not publish.': async () => {
    const { publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    const key = { ...(await crypto.subtle.exportKey('jwk', publicKey)), kid: 'other', alg: 'ES256' };
    const { key_ops: _operations, ext: _ext, ...jwk } = key;
    return useBroker(
      (config) => ({
        ...config,
        issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'], jwks: { keys: [jwk] } }],
      }),
      async (own) => own.issue('nudge', await sandbox.mintUserToken({ sub: 'alice', algorithm: 'ES256' })),
    );
  },
  'The token was issued to a machine, not to a user:': () => withClaims({ gty: 'client-credentials' }),
  'The token was issued to an anonymous user:': () => withClaims({ is_anonymous: true }),
  'The token was issued to another app: its client_id must be': () =>
    useBroker(
      (config) => ({
        ...config,
        issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'], clientIds: ['my-app'] }],
      }),
      issueNudge,
    ),
  'The token is valid for longer than the 86400 seconds allowed.': () => useToken({ expires_in: 200_000 }),
  'The request carries no bearer token.': async () => show(await broker.call('/v1/session')),
  'The Authorization header is not one scheme and one token.': async () =>
    show(
      await broker.call('/v1/session', undefined, {
        headers: { authorization: `Bearer "${await sandbox.mintUserToken({ sub: 'alice' })}"` },
      }),
    ),
  'The identity provider … gives no usable response.': async () => {
    sandbox.setFaults([{ vendor: 'idp', fault: { type: 'status', status: 403 } }]);
    return useBroker((config) => config, issueNudge);
  },
  'The token lacks a scope or claim that nudge requires.': () =>
    useBroker(withConnection('nudge', { requiredScopes: ['admin'] }), issueNudge),
  "nudge is not available to users of this token's issuer.": () =>
    useBroker(withConnection('nudge', { issuers: [sandbox.urls.authgear] }), issueNudge),
  'This user is blocked.': async () => {
    const body = JSON.stringify({ issuer: sandbox.urls.idp, subject: 'mallory' });
    await broker.callAdmin('/v1/blocked-users', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body,
    });
    return useToken({ sub: 'mallory' });
  },
  'No connection of this name is configured.': () => useToken({}, 'nudg'),
  'This broker explains no connection to callers.': async () =>
    show(await broker.call('/v1/session?explain=nudge', await sandbox.mintUserToken({ sub: 'alice' }))),
  'vendors.nudge.apikey: is not a known field; did you mean `apiKey`?': () =>
    run('check', `${yaml}vendors: { nudge: { apikey: a } }\n`),
  'vendors.nudge.apiKey: the environment variable NUDGE_API_KEY is not set or is empty': () =>
    run('check', `${yaml}vendors: { nudge: { apiKey: '\${env:NUDGE_API_KEY}' } }\n`),
  'is a credential of the sandbox, which is public; set the one that the vendor gave you': () =>
    run('check', createConfigFor(sandbox)),
  'issuers: is empty and no vendor signs users in': () => run('check', 'issuers: []\n'),
  'is in use; choose another with listen.port': async () => {
    await using taken = await startAnswering('');
    return await run(
      'start',
      `${yaml}store: { sqlite: ':memory:' }\nlisten: { port: ${taken.port} }\nadmin: { port: 0 }\n`,
    );
  },
  'listen.port: has changed, and only a restart of the broker applies this': async () => {
    const configOf = (port: number) => parseConfig({ ...createConfigFor(sandbox), listen: { port } });
    const running = assemble(configOf(0), { logger: createLogger('silent') });
    const refused = await running.reload(async () => configOf(1)).catch(String);
    await running.close();
    return String(refused);
  },
  'is a module that has changed, and only a restart of the broker runs it again': async () => {
    const file = join(folder, 'running.config.ts');
    const text = (level: string) =>
      `export default { listen: { port: 0 }, admin: { port: 0 }, store: { sqlite: ':memory:' }, log: { level: '${level}' }, ` +
      "issuers: [{ issuer: 'https://id.example.com', audiences: ['api'] }] };\n";
    await writeFile(file, text('info'));
    await using child = startValetkey(['start', '--config', file], folder);
    await child.waitForOutput(/for operators on/);
    await writeFile(file, text('warn'));
    child.signal('SIGHUP');
    await child.waitForOutput(/"problems"/);
    return child.output();
  },
  'imports `@valetkey/broker`, which is not installed': async () => {
    const file = join(folder, 'valetkey.config.ts');
    await writeFile(file, "import { defineConfig } from '@valetkey/broker';\nexport default defineConfig({});\n");
    await using child = startValetkey(['check', '--config', file], folder);
    await child.exitCode;
    return child.output();
  },
  'standard input has no token': () => run('explain', yaml, '\n'),
  '(overloaded, ECONNREFUSED) No server accepts connections at the address.': () =>
    diagnose(withStore('postgresql://u:p@127.0.0.1:9/none')),
  '(overloaded, PRINCIPALS_CHANGED) With this configuration, stored users would become other principals.': async () => {
    const store = { sqlite: join(folder, 'principals.sqlite') };
    await using before = await startRecordingBroker({ ...createConfigFor(sandbox), store });
    await before.issue('vital', await sandbox.mintUserToken({ sub: 'alice' }));
    return await diagnose(({ issuers, ...config }) => ({
      ...config,
      store,
      issuers: issuers.map((issuer) => ({ ...issuer, subjectClaims: ['uid'] })),
    }));
  },
  'redis: is unreachable (ECONNREFUSED); check the host and port in `redis.url`': () =>
    diagnose(redisAt('redis://127.0.0.1:9')),
  'redis: refuses the broker (WRONGPASS); check the user and password in `redis.url`': async () => {
    await using server = await startAnswering('-WRONGPASS invalid username-password pair or user is disabled.\r\n');
    return await diagnose(redisAt(`redis://u:p@127.0.0.1:${server.port}`));
  },
  'redis: has no password, but `redis.url` has one (REDIS_NO_PASSWORD)': async () => {
    await using server = await startAnswering('-ERR AUTH <password> called without any password configured\r\n');
    return await diagnose(redisAt(`redis://:p@127.0.0.1:${server.port}`));
  },
  'redis: has no database of the number in `redis.url` (REDIS_DATABASE)': async () => {
    await using server = await startAnswering('-ERR DB index is out of range\r\n');
    return await diagnose(redisAt(`redis://127.0.0.1:${server.port}/99`));
  },
  'redis: is a Sentinel, which is not supported (REDIS_SENTINEL)': async () => {
    await using server = await startAnswering("-ERR unknown command 'EVAL'\r\n-NOAUTH Authentication required.\r\n");
    return await diagnose(redisAt(`redis://:p@127.0.0.1:${server.port}/1`));
  },
  'redis: is in protected mode, which refuses clients of other machines (DENIED)': async () => {
    await using server = await startAnswering('-DENIED Redis is running in protected mode.\r\n');
    return await diagnose(redisAt(`redis://127.0.0.1:${server.port}`));
  },
  'redis: does not offer TLS at this port (REDIS_TLS_UNSUPPORTED)': async () => {
    await using server = await startAnswering("-ERR unknown command 'EVAL'\r\n-ERR unknown command 'SENTINEL'\r\n");
    return await diagnose(redisAt(`rediss://127.0.0.1:${server.port}`));
  },
  'redis: is no Redis server (REDIS_PROTOCOL)': async () => {
    await using server = await startAnswering('HTTP/1.1 400 Bad Request\r\n\r\n');
    return await diagnose(redisAt(`redis://127.0.0.1:${server.port}`));
  },
  '(overloaded, 28P01) The server refuses the role or its password.': async () => {
    await using server = await startAnswering('E\0\0\0\u001aSFATAL\0C28P01\0Mrefused\0\0');
    return await diagnose(withStore(`postgresql://u:p@127.0.0.1:${server.port}/test`));
  },
  '(overloaded, TLS_UNSUPPORTED) The server does not offer TLS.': async () => {
    await using server = await startAnswering('N');
    return await diagnose(withStore(`postgresql://u:p@127.0.0.1:${server.port}/test?sslmode=verify-full`));
  },
  '(overloaded, NOT_POSTGRES) The server is no PostgreSQL server.': async () => {
    await using server = await startAnswering('J\0\0\0\n8.0.36\0');
    return await diagnose(withStore(`postgresql://u:p@127.0.0.1:${server.port}/test`));
  },
  'redis.url: must have nothing but the number of the database after the port': () =>
    run(
      'check',
      `${yaml}redis: { url: 'redis://127.0.0.1/cache', sealingKeys: [{ id: a, secret: '${'x'.repeat(32)}' }] }\n`,
    ),
  'listen.tls.key: is not the key of this certificate': () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    // The certificate of any public authority.
    const tls = { certificate: rootCertificates[0], key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
    return run('check', `${yaml}listen: ${JSON.stringify({ tls })}\n`);
  },
  'Nudge refused the configured API key. … status_401': () =>
    useBroker(withConnection('nudge', { apiKey: 'wrong-key' }), issueNudge),
  'A server between the broker and Nudge responded instead of Nudge. … intercepted_403': async () => {
    await using server = await startAnswering(
      'HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\ncontent-length: 30\r\n\r\n<html><h1>Blocked</h1></html> ',
    );
    return await useBroker(withConnection('nudge', { baseUrl: `http://127.0.0.1:${server.port}` }), issueNudge);
  },
  'Nudge did not respond within 200 ms.': async () => {
    sandbox.setFaults([{ vendor: 'nudge', fault: { type: 'hang' } }]);
    return useBroker(withConnection('nudge', { timeoutMs: 200 }), issueNudge);
  },
  'Nudge could not be reached. … ECONNREFUSED': () =>
    useBroker(withConnection('nudge', { baseUrl: 'http://127.0.0.1:9' }), issueNudge),
  'retry-after: 30 … Nudge accepts no more calls at the moment.': async () => {
    sandbox.setFaults([
      { vendor: 'nudge', fault: { type: 'rate-limit', retryAfter: { form: 'seconds', seconds: 30 } } },
    ]);
    return useBroker((config) => config, issueNudge);
  },
  'Nabla has no patient with this id.': async () => {
    sandbox.setFaults([{ vendor: 'nabla', fault: { type: 'status', status: 404 } }]);
    return useToken({}, 'nabla');
  },
  'This user has no vendor user at vital. Ask the operator to map this user with `PUT /v1/vendor-users`': () =>
    useBroker(withConnection('vital', { user: { mapping: true } }), (own, token) => own.issue('vital', token)),
  'The token names no user at nabla. Configure the identity provider to include the claim': () =>
    useBroker(withConnection('nabla', { user: { claim: 'patient', issuer: sandbox.urls.idp } }), (own, token) =>
      own.issue('nabla', token),
    ),
  'The token expires before a token of nudge would. … app_token_too_short': () =>
    useBroker(withConnection('nudge', { boundByAppToken: true }), async (own) =>
      own.issue('nudge', await sandbox.mintUserToken({ sub: 'alice', expires_in: 30 })),
    ),
  'There are too many requests for this principal.': () =>
    useBroker(
      (config) => ({ ...config, callerLimits: { requestsPerMinute: 1 } }),
      async (own, token) => {
        await own.call('/v1/session', token);
        return own.call('/v1/session', token);
      },
    ),
  'This call is not on the allow-list of nymbl.': callNymbl('/Visits', {}),
  'The rule vendors.nudge.policy.rules.0 refuses this request.': () =>
    useBroker(withConnection('nudge', { policy: { rules: [{ require: { scope: 'admin' } }] } }), issueNudge),
  'vendors.nudge.policy.default refuses this operation, because no rule names it.': () =>
    useBroker(withConnection('nudge', { policy: { default: 'deny' } }), issueNudge),
  'The rule forwardAuth.policy.rules.0 refuses this request.': () =>
    useBroker(
      (config) => ({ ...config, forwardAuth: { policy: { rules: [{ require: { scope: 'admin' } }] } } }),
      (own, token) => own.call('/v1/authorize', token),
    ),
  'The function vendors.nudge.policy.decide refuses this request.': () =>
    useBroker(withConnection('nudge', { policy: { decide: () => false } }), issueNudge),
  'The function vendors.nudge.policy.decide has not decided about this request. … policy.decide: threw': () =>
    useBroker(withConnection('nudge', { policy: { decide: () => Promise.reject(new Error('canary')) } }), issueNudge),
  "vendors.nymbl.allow.0 allows this path only with the value of the caller's own claim patient_id.": callOwnRecord(
    "/Patients('acme-corp-2')",
    { patient_id: 'acme-corp-1' },
  ),
  'The token lacks the claim patient_id, or the claim is not a plain identifier; vendors.nymbl.allow.0 requires it.':
    callOwnRecord("/Patients('acme-corp-1')", { patient_id: ['acme-corp-1'] }),
  'The query has a parameter that vendors.nymbl.allow.0 does not allow.': callOwnRecord(
    "/Patients('acme-corp-1')?$filter=true",
    { patient_id: 'acme-corp-1' },
  ),
  'The body is longer than 1048576 bytes.': callNymbl('/Patients', { method: 'POST', body: 'x'.repeat(1_048_577) }),
  'The request names no URL below the base URL of nymbl.': callNymbl('?url=https://other.example.com/Patients', {}),
  'The token lacks a required scope. Request a token with the scopes: admin.': async () =>
    show(await broker.call('/v1/authorize?scope=admin', await sandbox.mintUserToken({ sub: 'alice' }))),
  'The query accepts only `scope`: scopes separated by spaces.': async () =>
    show(await broker.call('/v1/authorize?scopes=admin', await sandbox.mintUserToken({ sub: 'alice' }))),
  'cors.origins.0: must be an origin such as https://app.example.com or https://app.example.com:8443: in lower case, without the default port, a path or a slash at the end':
    () => run('check', `${yaml}cors: { origins: ['https://app.example.com/'] }\n`),
  'allow: GET … This path accepts GET.': () =>
    useBroker(
      (config) => config,
      (own) =>
        own.call('/v1/session', undefined, { method: 'OPTIONS', headers: { origin: 'https://app.example.com' } }),
    ),
  'This listener does not serve the host name of this request.': async () => {
    await using own = await startRecordingBroker({
      ...createConfigFor(sandbox),
      listen: { port: 0, hostNames: ['broker.example.com'] },
    });
    return (await own.broker.app.inject({ url: '/v1/session', headers: { host: 'other.example.com' } })).body;
  },
};

/** The mistakes for which a test needs PostgreSQL or PgBouncer. */
const databaseMistakes: typeof mistakes = {
  '(overloaded, MIGRATION_REQUIRED) Tables or columns are missing, and the role may not create them.': () =>
    diagnosePostgres(async (schema) => createRole(schema)),
  '(overloaded, 25006) The server accepts no writes: it is a replica, or the session is read-only.': () =>
    diagnosePostgres(async (schema) => {
      await migratePostgresStore({ url: schema.url });
      return createRole(schema, 'SET default_transaction_read_only = on');
    }),
  '(overloaded, SETTING_REFUSED) The server refuses a parameter in the URL.': () =>
    diagnosePostgres(async ({ url }) => `${url}%20-c%20no_such_parameter%3D1`),
  '(overloaded, 08P01) The server or the pooler before it refused the session.': async () => {
    await using pooler = await startPgBouncer(postgresServerUrl, 'transaction');
    const url = new URL(pooler.url);
    url.pathname = '/not_in_pgbouncer_ini';
    return await diagnose(withStore(url.href));
  },
};

/** Returns the words of a row without their line breaks. `…` stands for any text between two parts of them. */
function wordsOf(symptom: string): RegExp {
  const parts = symptom.split(' … ').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(parts.join('.*'), 's');
}

test('the page of troubleshooting has a cause and a fix in each row, and a row for each mistake that the tests make', () => {
  expect([...rows.keys()].toSorted()).toEqual([...Object.keys(mistakes), ...Object.keys(databaseMistakes)].toSorted());
  for (const [symptom, cells] of rows) {
    expect(cells, symptom).toEqual([expect.stringMatching(/\S/), expect.stringMatching(/\S/)]);
  }
});

test.each(Object.entries(mistakes))('the broker or the command prints: %s', async (symptom, make) => {
  expect((await make()).replaceAll(/\s+/g, ' ')).toMatch(wordsOf(symptom));
});

test.skipIf(!hasPostgres || !hasPgBouncer).each(Object.entries(databaseMistakes))(
  'the doctor prints about a database: %s',
  async (symptom, make) => {
    expect((await make()).replaceAll(/\s+/g, ' ')).toMatch(wordsOf(symptom));
  },
);
