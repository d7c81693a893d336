import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rename, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { ValetKeyError } from '@valetkey/core-types';
import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createPostgresStore } from '../../src/storage/postgres-store.ts';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import type { Store } from '../../src/storage/store.ts';
import { startDeployment, type IssueResponse } from '../support/deployment.ts';
import { startInProcessBroker, type InProcessBroker } from '../support/in-process-broker.ts';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

async function expectNoCredential(broker: InProcessBroker, connection: 'nabla' | 'vital') {
  const { status, headers, body } = await broker.issue(connection);
  expect(body).toMatchObject({ status: 503, code: 'overloaded' });
  expect(status).toBe(503);
  expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  expect(JSON.stringify(body)).not.toMatch(/token|eyJ|sqlite|ECONN/);
}

test('issues no credential and reports that it is not ready once its store is closed', async () => {
  const clock = createVirtualClock();
  const store = createSqliteStore(':memory:');
  await using broker = await startInProcessBroker(store, { clock });
  expect(await broker.readReadiness()).toBe(200);
  await store.close();
  await expectNoCredential(broker, 'nabla');
  await expectNoCredential(broker, 'vital');
  expect(await broker.readReadiness(), 'the broker checks the store once a second').toBe(200);
  clock.advance(1_000);
  expect(await broker.readReadiness()).toBe(503);
});

test.each(['removed', 'replaced'])(
  'issues no credential while its SQLite file is %s, and issues one when the file is back',
  async (change) => {
    const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
    const path = join(folder, 'valetkey.sqlite');
    {
      await using broker = await startInProcessBroker(createSqliteStore(path));
      expect((await broker.issue('vital')).status).toBe(200);
      await rename(path, join(folder, 'elsewhere'));
      if (change === 'replaced') await copyFile(join(folder, 'elsewhere'), path);
      await expectNoCredential(broker, 'vital');
      expect(await broker.readReadiness()).toBe(503);
      if (change === 'replaced') await rm(path);
      await rename(join(folder, 'elsewhere'), path);
      expect((await broker.issue('vital')).status).toBe(200);
    }
    await rm(folder, { recursive: true });
  },
);

test('issues no credential while only the audit cannot be written, and issues one when it can be written again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  const path = join(folder, 'valetkey.sqlite');
  const store = createSqliteStore(path);
  const otherProcess = new DatabaseSync(path);
  {
    await using broker = await startInProcessBroker(store);
    otherProcess.exec("CREATE TRIGGER stop BEFORE INSERT ON decision BEGIN SELECT RAISE(ABORT, 'read-only'); END");
    await expectNoCredential(broker, 'nabla');
    await expectNoCredential(broker, 'vital');
    expect((await store.listDecisions({ limit: 10 })).decisions).toEqual([]);
    otherProcess.exec('DROP TRIGGER stop');
    expect((await broker.issue('vital')).status).toBe(200);
    expect(broker.sandbox.vital.users()).toHaveLength(1);
  }
  otherProcess.close();
  await rm(folder, { recursive: true });
});

test('issues no credential while PostgreSQL is unreachable or does not respond', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  for (const port of [9, (silent.address() as AddressInfo).port]) {
    const store = createPostgresStore({ url: `postgresql://postgres@127.0.0.1:${port}/test`, timeoutMs: 50 });
    await using broker = await startInProcessBroker(store);
    await expectNoCredential(broker, 'nabla');
    await expectNoCredential(broker, 'vital');
    expect(await broker.readReadiness()).toBe(503);
  }
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
});

test('calls no vendor after a decision could not be recorded, until the store can be written again', async () => {
  await using sandbox = await createSandbox();
  const store = createSqliteStore(':memory:');
  let isFull = false;
  const refuseWhenFull = async () => {
    if (isFull) throw new ValetKeyError('overloaded', 'full', { reason: 'sqlite_13' });
  };
  const fillingStore: Store = {
    ...store,
    recordDecisions: async (decisions) => {
      await refuseWhenFull();
      return store.recordDecisions(decisions);
    },
    check: refuseWhenFull,
  };
  await using broker = await startRecordingBroker(createConfigFor(sandbox), { store: fillingStore });
  const alice = await sandbox.mintUserToken({ sub: 'alice' });
  const createPatient = async () => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
    const response = await broker.call('/v1/vendors/nymbl/proxy/Patients', alice, init);
    return [response.status, ((await response.json()) as { code?: string }).code];
  };
  const countVendorCalls = () => sandbox.calls()['nymbl']?.['POST /Patients'] ?? 0;

  expect(await createPatient()).toEqual([201, undefined]);
  isFull = true;
  for (let count = 0; count < 3; count += 1) expect(await createPatient()).toEqual([503, 'overloaded']);
  expect(countVendorCalls(), 'only the first refused request reached the vendor').toBe(2);
  const metrics = await (await fetch(`${broker.adminUrl}/metrics`)).text();
  expect(metrics).toMatch(/valetkey_problems_total\{code="overloaded",reason="sqlite_13"\} 3/);
  isFull = false;
  expect(await createPatient()).toEqual([201, undefined]);
});

// For one process, a limit on the size of its files is like a full disk. Only Linux has `prlimit`.
test.skipIf(process.platform !== 'linux')(
  'has recorded the decision of every issued token when the disk is full, and issues again once there is room',
  async () => {
    const deployment = await startDeployment();
    const path = join(deployment.folder, 'data', 'valetkey.sqlite');
    // The tables and indexes alone need about 200 KB in the write-ahead log.
    const broker = await deployment.startBroker({ sqlite: path }, 'ulimit -S -f 512');
    const issued: IssueResponse[] = [];
    let refused: IssueResponse | undefined;
    for (let count = 0; refused === undefined && count < 500; count += 1) {
      const response = await deployment.issueVitalToken(broker, await deployment.mintToken(`subject-${count}`));
      if (response.status === 200) issued.push(response);
      else refused = response;
    }
    expect(issued.length).toBeGreaterThan(0);
    expect(refused).toMatchObject({ status: 503, retryAfter: '5', body: { code: 'overloaded' } });
    // The check writes little, so the last free bytes may suffice for the first checks.
    await expect
      .poll(async () => (await fetch(`${broker.url}/readyz`)).status, { interval: 1, timeout: 10_000 })
      .toBe(503);

    const reader = createSqliteStore(path);
    const recorded = new Set((await reader.listDecisions({ limit: 1000 })).decisions.map(({ requestId }) => requestId));
    await reader.close();
    expect(issued.filter(({ requestId }) => !recorded.has(requestId))).toEqual([]);

    await promisify(execFile)('prlimit', ['--pid', String(broker.pid), '--fsize=unlimited:']);
    expect((await deployment.issueVitalToken(broker, await deployment.mintToken('afterwards'))).status).toBe(200);
    await deployment.close();
  },
);

test('refused requests alone do not fill a small disk, and other callers are still served', async () => {
  const deployment = await startDeployment();
  const path = join(deployment.folder, 'data', 'valetkey.sqlite');
  const broker = await deployment.startBroker({ sqlite: path }, 'ulimit -S -f 512');
  const mallory = await deployment.mintToken('mallory');
  // Each refusal has a reason of its own. As rows, they would need more than the disk has.
  const attempt = (index: number) =>
    fetch(`${broker.url}/v1/vendors/unknown-${'x'.repeat(200)}-${index}/token`, {
      method: 'POST',
      headers: { authorization: `Bearer ${mallory}` },
    });
  for (let index = 0; index < 1_200; index += 50) {
    const responses = await Promise.all(Array.from({ length: 50 }, (_, offset) => attempt(index + offset)));
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([404]));
  }
  expect((await deployment.issueVitalToken(broker, await deployment.mintToken('bob'))).status).toBe(200);
  const reader = createSqliteStore(path);
  const { decisions } = await reader.listDecisions({ subject: 'mallory', limit: 1000 });
  await reader.close();
  expect(decisions.length).toBeLessThanOrEqual(120);
  await deployment.close();
});
