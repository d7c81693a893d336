import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rename, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { ValetKeyError } from '@valetkey/core-types';
import { createSandbox } from '@valetkey/sandbox';
import { describe, expect, test } from 'vitest';
import { createPostgresStore } from '../../src/storage/postgres-store.ts';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import { startDeployment, type SignIn } from '../support/broker-processes.ts';
import type { Store } from '../../src/storage/store.ts';
import { startVitalBroker } from '../support/vital-broker.ts';
import { configureFor, startWatchedBroker } from '../support/watched-broker.ts';

type Broker = Awaited<ReturnType<typeof startVitalBroker>>;

async function expectNoCredential(broker: Broker, vendor: 'nabla' | 'vital') {
  const { status, headers, body } = await broker.issue(vendor);
  expect(body).toMatchObject({ status: 503, code: 'overloaded' });
  expect(status).toBe(503);
  expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  expect(JSON.stringify(body)).not.toMatch(/token|eyJ|sqlite|ECONN/);
}

describe('no credential is answered', () => {
  test('by a store that is closed', async () => {
    const store = createSqliteStore(':memory:');
    await using broker = await startVitalBroker(store);
    expect(await broker.readiness()).toBe(200);
    await store.close();
    await expectNoCredential(broker, 'nabla');
    await expectNoCredential(broker, 'vital');
    // What was known a second ago still counts.
    await expect.poll(() => broker.readiness(), { interval: 50, timeout: 5_000 }).toBe(503);
  });

  test.each(['removed', 'replaced'])('by a file that was %s behind its back', async (what) => {
    const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
    const path = join(folder, 'valetkey.sqlite');
    {
      await using broker = await startVitalBroker(createSqliteStore(path));
      expect((await broker.issue('vital')).status).toBe(200);
      await rename(path, join(folder, 'elsewhere'));
      if (what === 'replaced') await copyFile(join(folder, 'elsewhere'), path);
      await expectNoCredential(broker, 'vital');
      expect(await broker.readiness()).toBe(503);
      if (what === 'replaced') await rm(path);
      await rename(join(folder, 'elsewhere'), path);
      expect((await broker.issue('vital')).status).toBe(200);
    }
    await rm(folder, { recursive: true });
  });

  test('while the audit alone cannot be written; then all goes on', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
    const path = join(folder, 'valetkey.sqlite');
    const store = createSqliteStore(path);
    const outside = new DatabaseSync(path);
    {
      await using broker = await startVitalBroker(store);
      outside.exec("CREATE TRIGGER stop BEFORE INSERT ON decision BEGIN SELECT RAISE(ABORT, 'read-only'); END");
      await expectNoCredential(broker, 'nabla');
      await expectNoCredential(broker, 'vital');
      expect(await store.listDecisions(10)).toEqual([]);
      outside.exec('DROP TRIGGER stop');
      expect((await broker.issue('vital')).status).toBe(200);
      expect(broker.sandbox.vital.users()).toHaveLength(1);
    }
    outside.close();
    await rm(folder, { recursive: true });
  });

  test('while PostgreSQL is not there, or says nothing', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    for (const port of [9, (silent.address() as AddressInfo).port]) {
      const store = createPostgresStore({ url: `postgresql://postgres@127.0.0.1:${port}/test`, timeoutMs: 50 });
      await using broker = await startVitalBroker(store);
      await expectNoCredential(broker, 'nabla');
      await expectNoCredential(broker, 'vital');
      expect(await broker.readiness()).toBe(503);
    }
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });
});

test('what cannot be written down is not begun at a vendor, once that is known', async () => {
  await using sandbox = await createSandbox();
  const store = createSqliteStore(':memory:');
  let isFull = false;
  const refuseWhenFull = async () => {
    if (isFull) throw new ValetKeyError('overloaded', 'full', { reason: 'sqlite_13' });
  };
  const filling: Store = {
    ...store,
    recordDecision: async (decision) => {
      await refuseWhenFull();
      await store.recordDecision(decision);
    },
    check: refuseWhenFull,
  };
  await using broker = await startWatchedBroker(configureFor(sandbox), { store: filling });
  const alice = await sandbox.mintUserToken({ sub: 'alice' });
  const post = async () => {
    const body = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
    const answer = await broker.call('/v1/vendors/nymbl/proxy/Patients', alice, body);
    return [answer.status, ((await answer.json()) as { code?: string }).code];
  };
  const written = () => sandbox.calls()['nymbl']?.['POST /Patients'] ?? 0;

  expect(await post()).toEqual([201, undefined]);
  isFull = true;
  for (let count = 0; count < 3; count += 1) expect(await post()).toEqual([503, 'overloaded']);
  expect(written(), 'the first of them found out').toBe(2);
  const metrics = await (await fetch(`${broker.adminUrl}/metrics`)).text();
  expect(metrics).toMatch(/valetkey_problems_total\{code="overloaded",reason="sqlite_13"\} 3/);
  isFull = false;
  expect(await post()).toEqual([201, undefined]);
});

// A limit on the size of files is a disk that is full, for one process.
test.skipIf(process.platform !== 'linux')(
  'a disk that fills up loses nothing, and is used again once there is room',
  async () => {
    const deployment = await startDeployment();
    const path = join(deployment.folder, 'data', 'valetkey.sqlite');
    const broker = await deployment.startBroker({ sqlite: path }, 'ulimit -S -f 256');
    const answered: SignIn[] = [];
    let refused: SignIn | undefined;
    for (let person = 0; refused === undefined && person < 500; person += 1) {
      const answer = await deployment.signIn(broker, await deployment.mintToken(`person-${person}`));
      if (answer.status === 200) answered.push(answer);
      else refused = answer;
    }
    expect(answered.length).toBeGreaterThan(0);
    expect(refused).toMatchObject({ status: 503, retryAfter: '5', body: { code: 'overloaded' } });
    // What it writes to find out is little, and may have found a last bit of room.
    await expect.poll(async () => (await fetch(`${broker.url}/readyz`)).status, { interval: 1 }).toBe(503);

    const reader = createSqliteStore(path);
    const recorded = new Set((await reader.listDecisions(1000)).map(({ requestId }) => requestId));
    await reader.close();
    expect(answered.filter(({ requestId }) => !recorded.has(requestId))).toEqual([]);

    await promisify(execFile)('prlimit', ['--pid', String(broker.pid), '--fsize=unlimited:']);
    expect((await deployment.signIn(broker, await deployment.mintToken('afterwards'))).status).toBe(200);
    await deployment.close();
  },
);
