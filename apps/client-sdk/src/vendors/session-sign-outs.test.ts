import { expect, onTestFinished, test } from 'vitest';
import { createValetClient } from '../client/client.ts';
import type { DeviceStorage } from '../storage/device-storage.ts';
import { memoryStorage } from '../storage/memory-storage.ts';
import { failureOf } from '../testing/failure.ts';
import { settleAll } from '../testing/session-vendor.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createNablaSession } from './nabla-session.ts';
import { createVitalSession } from './vital-session.ts';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const signInToken = encode({
  user_token: `e30.${encode({ iss: 'id-signer-stg-us@vital-id-stg-us.iam.gserviceaccount.com', uid: 'user-1' })}.c2ln`,
});

/** Creates a storage whose first read waits for `release`. */
function slowStorage() {
  const storage = memoryStorage();
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const read: DeviceStorage['read'] = async (key) => {
    await promise;
    return storage.read(key);
  };
  return { storage: { ...storage, read }, release };
}

function setUp(storage: DeviceStorage) {
  const time = createVirtualClock();
  const sent: string[] = [];
  const exp = time.clock.nowMs() / 1000 + 300;
  const token = `e30.${encode({ exp })}.c2ln`;
  const fetch: typeof globalThis.fetch = async (url) => {
    sent.push(String(url));
    const server_time = new Date(time.clock.nowMs()).toISOString();
    const body = { access_token: token, refresh_token: token, vendor: 'nabla', connection: 'nabla', server_time };
    return Response.json(body, { headers: { 'valet-key': 'broker' } });
  };
  const { clock } = time;
  const valet = createValetClient({ brokerUrl: 'https://broker.example', getAppToken: () => 'app', clock, fetch });
  const nabla = createNablaSession(valet, { userId: 'alice', storage, fetch: () => new Promise(() => undefined) });
  const vital = createVitalSession(valet, { storage, fetch });
  onTestFinished(() => {
    nabla.close();
    vital.close();
  });
  return { ...time, valet, nabla, vital, sent };
}

test.each([
  ['valet.signOut', (parts: ReturnType<typeof setUp>) => parts.valet.signOut()],
  ['the signOut of the session', ({ nabla }: ReturnType<typeof setUp>) => void nabla.signOut().catch(() => undefined)],
])(
  'a call of Nabla that waits for the storage ends with %s, and requests nothing for the next user',
  async (_, end) => {
    const { storage, release } = slowStorage();
    const parts = setUp(storage);
    const calls = [parts.nabla.accessToken(), parts.nabla.fetch('/v1/patient/me')].map(failureOf);
    await settleAll();

    end(parts);
    release();

    expect(await Promise.all(calls)).toMatchObject([{ code: 'aborted' }, { code: 'aborted' }]);
    await settleAll();
    expect(parts.sent).toEqual([]);
  },
);

test.each([
  ['valet.signOut', (parts: ReturnType<typeof setUp>) => parts.valet.signOut()],
  ['the signOut of the session', ({ vital }: ReturnType<typeof setUp>) => void vital.signOut()],
])('identifyExternalUser signs nobody in after %s', async (_, end) => {
  const parts = setUp(memoryStorage());
  const { promise, resolve } = Promise.withResolvers<{ type: 'signInToken'; rawToken: string }>();
  const call = failureOf(parts.vital.identifyExternalUser('alice', () => promise));
  await settleAll();

  end(parts);
  resolve({ type: 'signInToken', rawToken: signInToken });

  expect(await call).toMatchObject({ code: 'aborted' });
  await settleAll();
  expect(await parts.vital.currentUserId()).toBeNull();
  expect(parts.sent).toEqual([]);
});

test('the time limit of a call of Nabla includes the reading of the storage', async () => {
  const { storage, release } = slowStorage();
  const { nabla, advance } = setUp(storage);
  const call = failureOf(nabla.fetch('/v1/patient/me'));
  await settleAll();
  advance(4000);
  release();
  await settleAll();
  advance(6000);

  expect(await call).toMatchObject({ code: 'timeout' });
});
