import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findSecrets } from '../support/find-secrets.ts';
import { createTokenIssuer } from '../support/token-issuer.ts';
import { startValetkey } from '../support/valetkey-process.ts';

const secrets = {
  NUDGE_KEY: 'canary-nudge-key-of-a-crash-82e1-a1',
  ADMIN_TOKEN: 'canary-admin-token-of-a-crash-82e1-a2-xxx',
};
const message = 'canary-message-of-a-crash-82e1-a3';
const crashOf = (code: string) =>
  `Object.assign(new Error('${message} ' + process.env.NUDGE_KEY), { code: '${code}', config: { headers: process.env } })`;

/** Node writes a report to the folder whenever it can. */
const everyReport = {
  NODE_OPTIONS: [
    '--report-uncaught-exception',
    '--report-on-fatalerror',
    '--report-on-signal',
    '--report-signal=SIGUSR2',
    '--report-filename=report.json',
  ].join(' '),
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-crashes-'));
});
afterEach(() => rm(folder, { recursive: true }));

const issuer = createTokenIssuer();

/** Starts a broker whose function of the policy runs this statement. */
async function startBroker(statement: string, environment: Readonly<Record<string, string>> = {}) {
  const config = {
    listen: { port: 0 },
    admin: { port: 0, token: '${env:ADMIN_TOKEN}' },
    store: { sqlite: ':memory:' },
    log: { level: 'trace' },
    reload: { watch: false },
    issuers: [{ issuer: issuer.issuer, audiences: ['valetkey'], jwks: issuer.jwks }],
    vendors: { nudge: { baseUrl: 'http://127.0.0.1:9', apiKey: '${env:NUDGE_KEY}' } },
  };
  const text = `const config = ${JSON.stringify(config)};
    const decide = () => { ${statement}; return true; };
    config.vendors.nudge.policy = { decide };
    export default config;`;
  await writeFile(join(folder, 'valetkey.config.mjs'), text);
  const broker = startValetkey(['start', '--config', 'valetkey.config.mjs'], folder, { ...secrets, ...environment });
  const [, brokerUrl = ''] = await broker.waitForOutput(/listens on (\S+),/);
  const token = issuer.accessToken();
  const issue = () =>
    fetch(`${brokerUrl}/v1/vendors/nudge/token`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
  return { ...broker, token, issue };
}

test('a crash during a request ends the broker without its message, its fields, a token or a report', async () => {
  await using broker = await startBroker(`setImmediate(() => { throw ${crashOf('E_CRASH')}; })`, everyReport);
  await broker.issue().then(
    (response) => response.text(),
    () => undefined,
  );
  expect(await broker.exitCode).toBe(1);
  expect(broker.output()).toMatch(
    /valetkey: ended by an unhandled error: failed \(E_CRASH\)\n.*valetkey\.config\.mjs:2/,
  );
  expect(findSecrets({ ...secrets, message, token: broker.token }, { output: broker.output() })).toEqual([]);
  expect(await readdir(folder)).toEqual(['valetkey.config.mjs']);
});

test('an error that a request throws is a failure of the request, and the log has no text of it', async () => {
  await using broker = await startBroker(`throw ${crashOf('E_THROWN')}`);
  const response = await broker.issue();
  const places = { output: broker.output(), response: await response.text() };
  expect(response.status).toBe(503);
  expect(places.output).toContain('policy.decide: threw');
  expect(findSecrets({ ...secrets, message, token: broker.token }, places)).toEqual([]);
});

test('a crash while the configuration loads ends `valetkey start` without a report', async () => {
  await writeFile(
    join(folder, 'crash.mjs'),
    `setImmediate(() => { throw ${crashOf('E_LOAD')}; }); await new Promise(() => undefined);`,
  );
  await using broker = startValetkey(['start', '--config', 'crash.mjs'], folder, { ...secrets, ...everyReport });
  expect(await broker.exitCode).toBe(1);
  expect(broker.output()).toContain('E_LOAD');
  expect(findSecrets({ ...secrets, message }, { output: broker.output() })).toEqual([]);
  expect(await readdir(folder)).toEqual(['crash.mjs']);
});

test('a diagnostic report that an operator lets Node write has no secret of the environment', async () => {
  await using broker = await startBroker('', everyReport);
  await (await broker.issue()).text();
  broker.signal('SIGUSR2');
  await broker.waitForOutput(/Node\.js report completed/);
  const report = await readFile(join(folder, 'report.json'), 'utf8');
  expect(report).toContain('"javascriptStack"');
  expect(findSecrets({ ...secrets, token: broker.token }, { report })).toEqual([]);
});
