import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { root } from '../workspace.ts';
import { listBrokers, orderServices, readComposeFile } from './compose-file.ts';
import { longestStopSeconds } from './drain.ts';
import { listSecretFiles, loadExample } from './example-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'valetkey-compose-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

const { services, secrets } = readComposeFile();
const brokers = listBrokers();
const configPath = 'deploy/compose/config/valetkey.config.yaml';

test('the Compose file runs three equal brokers', () => {
  expect(brokers).toEqual(['broker-1', 'broker-2', 'broker-3']);
  const facts = brokers.map((name) => JSON.stringify({ ...services[name], networks: undefined }));
  expect(new Set(facts).size).toBe(1);
});

test('the Compose file publishes only the port of nginx', () => {
  expect(Object.entries(services).flatMap(([name, { ports }]) => ports.map((port) => [name, port]))).toEqual([
    ['nginx', '443:443'],
  ]);
});

test.each(Object.entries(services))(
  '%s has a read-only root file system, limits, a health check, no new rights and no core dumps',
  (...row) => {
    const [, service] = row;
    expect(service).toMatchObject({ read_only: true, restart: 'unless-stopped', logging: { driver: 'json-file' } });
    expect(service).toMatchObject({ ulimits: { core: 0 } });
    expect(service.security_opt).toContain('no-new-privileges:true');
    expect(service.healthcheck.test[0]).toMatch(/^CMD/);
    // A tag alone would follow every new version.
    expect(service.image).toMatch(/^(?:valetkey:local|[a-z]+:\d[\w.-]*)$/);
  },
);

test('the brokers of the Compose file have no capability, and get more time to stop than they need', async () => {
  const { shutdown, listen, admin, store, redis } = await loadExample(configPath, '/run/secrets', folder);
  expect([listen.host, listen.port, admin.host]).toEqual(['0.0.0.0', 8787, '127.0.0.1']);
  expect([store, redis]).toMatchObject([{ postgres: expect.anything() }, { url: expect.anything() }]);
  for (const name of brokers) {
    const { cap_drop: dropped, stop_grace_period: grace = '', healthcheck } = services[name] ?? {};
    expect(dropped).toEqual(['ALL']);
    expect(Number(/^(\d+)s$/.exec(grace)?.[1])).toBeGreaterThanOrEqual(longestStopSeconds(shutdown.timeoutMs) + 5);
    expect(healthcheck?.test.join(' ')).toContain(`127.0.0.1:${listen.port}/readyz`);
  }
});

test('the brokers trust only the address of nginx, and nginx sends requests to every broker', async () => {
  const { listen } = await loadExample(configPath, '/run/secrets', folder);
  expect(services['nginx']).toMatchObject({ networks: { inside: { ipv4_address: listen.trustedProxies[0] } } });
  expect(listen.trustedProxies).toHaveLength(1);
  const configuration = readFileSync(join(root, 'deploy/compose/nginx.conf'), 'utf8');
  const upstreams = [...configuration.matchAll(/^ +server (broker-\d):(\d+) /gm)].map(([, name, port]) => [name, port]);
  expect(upstreams).toEqual(brokers.map((name) => [name, String(listen.port)]));
});

test('each secret of the Compose file is a file of one folder, which git ignores, and each service gets only its own', () => {
  for (const [name, { file }] of Object.entries(secrets)) expect(file).toBe(`./secrets/${name}`);
  expect(readFileSync(join(root, 'deploy/compose/.gitignore'), 'utf8').split('\n')).toContain('/secrets/');
  const used = Object.values(services).flatMap((service) => service.secrets);
  expect(new Set(used)).toEqual(new Set(Object.keys(secrets)));
  const read = listSecretFiles(configPath, '/run/secrets').toSorted();
  for (const name of brokers) expect(services[name]?.secrets.toSorted()).toEqual(read);
});

test('the brokers see a file of the configuration that is replaced, because the folder of the file is mounted', () => {
  const folder = dirname(configPath);
  for (const name of brokers) {
    expect(services[name]?.volumes).toEqual([`./${relative('deploy/compose', folder)}:/etc/valetkey:ro`]);
  }
});

test('orderServices begins with what others need', () => {
  const ordered = orderServices(services);
  expect(ordered.indexOf('postgres')).toBeLessThan(ordered.indexOf('broker-1'));
  expect(ordered.at(-1)).toBe('nginx');
  expect(ordered).toHaveLength(Object.keys(services).length);
});
