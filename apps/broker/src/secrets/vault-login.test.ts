import { afterEach, beforeEach, expect, test } from 'vitest';
import { createVirtualSchedule, type VirtualSchedule } from '../../test/support/virtual-schedule.ts';
import { createSimulatedVault, type SimulatedVault } from '../../test/support/simulated-vault.ts';
import type { SecretManager } from './secret-manager.ts';
import { secretsSchema } from './secrets-fields.ts';
import { openVault } from './vault.ts';

let time: VirtualSchedule;
let vault: SimulatedVault;
let opened: SecretManager | undefined;
let problems: string[];
beforeEach(async () => {
  time = createVirtualSchedule();
  vault = await createSimulatedVault({ clock: time.clock });
  vault.put('secret/data/nudge', { apiKey: 'sim-key-5d21' });
  problems = [];
});
afterEach(async () => {
  await opened?.close();
  opened = undefined;
  await vault[Symbol.asyncDispose]();
});

/** Opens the simulated Vault with a login, and returns a function that reads its secret. */
function openWith(auth: object, readTextFile = async () => `${vault.logins.jwt}\n`): () => Promise<string> {
  const { vault: fields } = secretsSchema.parse({ vault: { url: vault.url, auth } });
  if (fields === undefined) throw new Error('The settings have no Vault.');
  const { clock, schedule } = time;
  const manager = openVault(fields, {
    fetch,
    clock,
    schedule,
    readTextFile,
    onProblem: (problem) => problems.push(problem),
  });
  opened = manager;
  return async () => (await manager.beginReading()('secret/data/nudge#apiKey')).secret.reveal();
}

const appRole = () => ({ appRole: { roleId: vault.logins.roleId, secretId: vault.logins.secretId } });
const countOf = (request: string): number => vault.requests.filter((each) => each === request).length;

test('logs in once for values that are read at the same time', async () => {
  const read = openWith(appRole());
  await Promise.all([read(), read(), read()]);
  expect(countOf('POST auth/approle/login')).toBe(1);
});

test('logs in with the service account of Kubernetes at the configured path', async () => {
  const read = openWith({ kubernetes: { role: 'broker', mount: 'clusters/eu' } });
  expect(await read()).toBe('sim-key-5d21');
  expect(vault.requests[0]).toBe('POST auth/clusters/eu/login');
});

test('reads the token of the service account again for each login, because Kubernetes replaces it', async () => {
  const tokens = ['sim-service-account-jwt-5d21', 'sim-second-jwt-5d21'];
  const read = openWith({ kubernetes: { role: 'broker' } }, async () => tokens.shift() ?? '');
  await read();
  vault.logins.jwt = 'sim-second-jwt-5d21';
  vault.tokens.clear();
  expect(await read()).toBe('sim-key-5d21');
  expect(countOf('POST auth/kubernetes/login')).toBe(2);
});

test('names the file of a service account token that cannot be read', async () => {
  const read = openWith({ kubernetes: { role: 'broker' } }, () => Promise.reject(new Error('canary')));
  await expect(read()).rejects.toThrow(
    'the file /var/run/secrets/kubernetes.io/serviceaccount/token with the token of the service account cannot be read; mount it, or set `secrets.vault.auth.kubernetes.tokenFile`',
  );
});

test('renews the login after two thirds of its life, again and again, without a new login', async () => {
  const read = openWith(appRole());
  await read();
  await time.advance(3_600_000 * 5);
  expect(await read()).toBe('sim-key-5d21');
  expect(countOf('POST auth/approle/login')).toBe(1);
  expect(countOf('POST auth/token/renew-self')).toBe(7);
  expect(problems).toEqual([]);
});

test('logs in again when Vault extends the login by less than half, near its maximum lifetime', async () => {
  vault.lease.maxSeconds = 7_200;
  const read = openWith(appRole());
  await read();
  await time.advance(3_600_000 * 4);
  const logins = countOf('POST auth/approle/login');
  expect(await read()).toBe('sim-key-5d21');
  expect(logins).toBeGreaterThan(1);
  expect(countOf('POST auth/approle/login')).toBe(logins);
});

test('logs in again before the end of a login that cannot be renewed', async () => {
  vault.lease.renewable = false;
  const read = openWith(appRole());
  await read();
  await time.advance(3_600_000 - 1);
  expect(countOf('POST auth/approle/login')).toBe(2);
  expect(countOf('POST auth/token/renew-self')).toBe(0);
});

test('repeats a failed renewal in the life that is left, and reports it without a text of Vault', async () => {
  const read = openWith(appRole());
  await read();
  vault.state.fault = 503;
  await time.advance(2_400_000);
  vault.state.fault = undefined;
  await time.advance(900_000);
  expect(problems).toEqual(['the login at Vault could not be renewed: Vault is sealed or down for maintenance (503)']);
  expect(await read()).toBe('sim-key-5d21');
  expect(countOf('POST auth/approle/login')).toBe(1);
});

test('a login that ended during an outage is replaced when a value is next read', async () => {
  const read = openWith(appRole());
  await read();
  vault.state.fault = 503;
  await time.advance(3_600_000 * 3);
  vault.state.fault = undefined;
  expect(await read()).toBe('sim-key-5d21');
  expect(countOf('POST auth/approle/login')).toBe(2);
});

test('a login that Vault has revoked is replaced once, and a value that the new one may not read is refused', async () => {
  const read = openWith(appRole());
  await read();
  vault.tokens.clear();
  expect(await Promise.all([read(), read()])).toEqual(['sim-key-5d21', 'sim-key-5d21']);
  expect(countOf('POST auth/approle/login')).toBe(2);
  vault.logins.secretId = 'sim-replaced-5d21';
  vault.tokens.clear();
  await expect(read()).rejects.toThrow('Vault refuses the login (400)');
});

test('renews a configured token, and reports when Vault extends it no longer', async () => {
  vault.createToken('sim-token-5d21', { leaseSeconds: 600, maxSeconds: 1_300 });
  const read = openWith({ token: 'sim-token-5d21' });
  await read();
  await time.advance(1_000_000);
  expect(await read()).toBe('sim-key-5d21');
  await time.advance(1_000_000);
  expect(problems.at(-1)).toBe('Vault extends the life of the token of secrets.vault.auth.token no longer; replace it');
  await expect(read()).rejects.toThrow('Vault refuses to show it (403)');
});

test('a configured token that may not look itself up is used without renewal', async () => {
  vault.createToken('sim-token-5d21', { leaseSeconds: 0 });
  const read = openWith({ token: 'sim-token-5d21' });
  await expect(read()).rejects.toThrow('403');
  expect(time.pending()).toBe(0);
});

test('nothing is planned after the Vault is closed', async () => {
  const read = openWith(appRole());
  await read();
  expect(time.pending()).toBe(1);
  await opened?.close();
  expect(time.pending()).toBe(0);
});
