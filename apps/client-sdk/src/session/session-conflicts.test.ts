import { expect, onTestFinished, test } from 'vitest';
import type { DeviceStorage } from '../storage/device-storage.ts';
import { memoryStorage } from '../storage/memory-storage.ts';
import { failureOf } from '../testing/failure.ts';
import { createFakeVendor, settleAll } from '../testing/session-vendor.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { ValetError } from '../errors/valet-error.ts';
import { createSession } from './session.ts';
import type { SessionVendor } from './session-types.ts';

const key = 'valetkey.session.acme';

/** Creates a session over a storage whose functions a test can replace while the session uses it. */
function setUp(vendor: Partial<SessionVendor<string>> = {}) {
  const time = createVirtualClock();
  const fake = createFakeVendor();
  const sound = memoryStorage();
  const faults: { -readonly [Name in keyof DeviceStorage]?: DeviceStorage[Name] | undefined } = {};
  const storage: DeviceStorage = {
    read: (name) => (faults.read ?? sound.read)(name),
    replace: (...args) => (faults.replace ?? sound.replace)(...args),
    remove: (name) => (faults.remove ?? sound.remove)(name),
    runAlone: (...args) => (faults.runAlone ?? sound.runAlone)(...args),
    watch: sound.watch,
  };
  const session = createSession({ ...fake.vendor, ...vendor }, { storage, clock: time.clock });
  onTestFinished(session.close);
  /** Writes a change of the stored record, as another tab. */
  const rewrite = async (change: object) => {
    const stored = await sound.read(key);
    await sound.replace(
      key,
      stored?.revision ?? null,
      JSON.stringify({ ...JSON.parse(stored?.text ?? ''), ...change }),
    );
  };
  return { ...time, fake, sound, faults, session, rewrite };
}

test('a refresh returns the tokens of a tab that was first, and withdraws nothing', async () => {
  const { session, faults, sound, rewrite, fake, advance } = setUp();
  await session.signIn('ticket-of-alice');
  advance(100_000);
  faults.replace = async (...args) => {
    await rewrite({ accessToken: 'other', refreshToken: 'newer' });
    return sound.replace(...args);
  };

  expect(await session.accessToken()).toBe('other');
  expect(fake.revoked).toEqual([]);
});

test('a refresh replaces the traded tokens if an earlier write of them lands late', async () => {
  const { session, faults, sound, rewrite, advance } = setUp();
  await session.signIn('ticket-of-alice');
  advance(100_000);
  let isFirst = true;
  faults.replace = async (...args) => {
    if (isFirst) await rewrite({});
    isFirst = false;
    return sound.replace(...args);
  };

  expect(await session.accessToken()).toBe('access-2');
  expect((await sound.read(key))?.text).toContain('refresh-2');
});

test('a refresh returns the tokens of another tab if it is late twice', async () => {
  const { session, faults, rewrite, advance } = setUp();
  await session.signIn('ticket-of-alice');
  advance(100_000);
  faults.replace = async () => {
    await rewrite({});
    return null;
  };

  expect(await session.accessToken()).toBe('access-1');
});

test.each([
  ['cannot be read', 'storage_unavailable', async () => Promise.reject(new Error('locked'))],
  ['is empty', 'signed_out', undefined],
])('a sign-in whose write was refused withdraws its tokens if the storage %s', async (_, code, read) => {
  const { session, faults, fake } = setUp();
  faults.replace = async () => {
    faults.read = read;
    return null;
  };

  expect(await failureOf(session.signIn('ticket-of-alice'))).toMatchObject({ code });
  await settleAll();
  expect(fake.revoked).toEqual(['refresh-1']);
});

test('a storage that gives no turn is unavailable, and the session goes on', async () => {
  const { session, faults, advance } = setUp();
  await session.signIn('ticket-of-alice');
  advance(100_000);
  faults.runAlone = async () => Promise.reject(new Error('a canary'));

  const failure = await failureOf(session.accessToken());
  expect(failure).toMatchObject({ code: 'storage_unavailable' });
  expect(failure.message).not.toContain('canary');
  expect(session.state).toMatchObject({ status: 'signed_in' });
});

test('a refusal after a turn was taken over never ends the session at once', async () => {
  const { session, faults, fake, advance } = setUp();
  await session.signIn('ticket-of-alice');
  advance(100_000);
  fake.endAll();
  faults.runAlone = async (_, _signal, task) => task({ isTakenOver: true });

  expect(await failureOf(session.accessToken())).toMatchObject({ code: 'refresh_interrupted', retryable: true });
  expect(session.state).toMatchObject({ status: 'signed_in' });
  advance(2000);
  faults.runAlone = async (_, _signal, task) => task({ isTakenOver: false });
  expect(await failureOf(session.accessToken())).toMatchObject({ code: 'signed_out' });
  expect(session.state).toMatchObject({ status: 'signed_out', reason: 'refused' });
});

test('a session whose user must sign in again keeps its details, and goes on after the same user signed in', async () => {
  const refresh = async () => {
    throw new ValetError('reauthentication_required', 'The user must sign in again.');
  };
  const { session, advance } = setUp({ refresh });
  await session.signIn('ticket-of-alice');
  advance(100_000);

  expect(await failureOf(session.accessToken())).toMatchObject({ code: 'reauthentication_required' });
  expect(session.state).toMatchObject({ status: 'reauthentication_required', details: { user: 'alice' } });
  expect(await failureOf(session.accessToken())).toMatchObject({ code: 'reauthentication_required' });
  await session.signIn('ticket-of-alice');
  expect(await session.accessToken()).toBe('access-2');
});

test('a refresh without a new refresh token keeps the former one', async () => {
  const used: string[] = [];
  const refresh: SessionVendor<string>['refresh'] = async ({ refreshToken }) => {
    used.push(refreshToken);
    return { accessToken: `new-${used.length}`, expiresInSeconds: 10, details: {} };
  };
  const { session, advance } = setUp({ refresh });
  await session.signIn('ticket-of-alice');
  for (const _ of [1, 2]) {
    advance(100_000);
    await session.accessToken();
  }

  expect(used).toEqual(['refresh-1', 'refresh-1']);
});

test('a sign-in that the caller aborted before its turn sends no request', async () => {
  const { session, faults, sound, fake } = setUp();
  const controller = new AbortController();
  faults.runAlone = (name, signal, task) => {
    controller.abort();
    return sound.runAlone(name, signal, task);
  };

  expect(await failureOf(session.signIn('ticket-of-alice', { signal: controller.signal }))).toMatchObject({
    code: 'aborted',
  });
  await settleAll();
  expect(fake.requests).toEqual([]);
});

test('a sign-out that could not erase never erases the next user of another tab', async () => {
  const { session, faults, sound, rewrite, fake } = setUp();
  await session.signIn('ticket-of-alice');
  faults.replace = async () => Promise.reject(new Error('locked'));
  await failureOf(session.signOut());
  delete faults.replace;
  await rewrite({ id: 'other', accessToken: 'of-bob', details: { user: 'bob' } });
  faults.read = async () => Promise.reject(new Error('locked'));
  expect(await failureOf(session.load())).toMatchObject({ code: 'storage_unavailable' });
  delete faults.read;

  expect(await session.load()).toMatchObject({ status: 'signed_in', details: { user: 'bob' } });
  expect((await sound.read(key))?.text).toContain('of-bob');
  expect(fake.revoked).toEqual(['refresh-1']);
});

test('a session whose first write landed without a response stays ended after another tab signed out', async () => {
  const { session, faults, sound, fake, clock, advance } = setUp();
  faults.replace = async (...args) => {
    await sound.replace(...args);
    throw new Error('no response');
  };
  await session.signIn('ticket-of-alice');
  delete faults.replace;
  const other = createSession(fake.vendor, { storage: sound, clock });
  onTestFinished(other.close);
  await other.signOut();
  advance(10_000);

  expect(await session.load()).toMatchObject({ status: 'signed_out' });
  expect((await sound.read(key))?.text).toBe('{"ended":true}');
});

test('a sign-out erases a session that another tab refreshes at the same time, and gives up if it is late each time', async () => {
  const { session, faults, sound, rewrite, fake } = setUp();
  await session.signIn('ticket-of-alice');
  let lateTries = 1;
  faults.replace = async (...args) => {
    if (lateTries > 0) await rewrite({ refreshToken: 'newer' });
    lateTries -= 1;
    return sound.replace(...args);
  };
  await session.signOut();
  expect((await sound.read(key))?.text).toBe('{"ended":true}');
  await settleAll();
  expect(fake.revoked).toEqual(['newer']);

  delete faults.replace;
  await session.signIn('ticket-of-alice');
  faults.replace = async () => null;
  expect(await failureOf(session.signOut())).toMatchObject({ code: 'storage_unavailable' });
});

test('a session that ended here is erased if it comes back to the storage', async () => {
  const { session, sound, advance } = setUp();
  await session.signIn('ticket-of-alice');
  const stored = await sound.read(key);
  await session.signOut();
  await sound.remove(key);
  await sound.replace(key, null, stored?.text ?? '');
  advance(10_000);

  expect(await session.load()).toMatchObject({ status: 'signed_out' });
  expect((await sound.read(key))?.text).toBe('{"ended":true}');
});

test('a vendor without revoke and with a known server time receives that time in its calls', async () => {
  const { fake } = setUp();
  const time = createVirtualClock(1_000_000);
  let offsetMs: number | undefined = 5000;
  const seen: number[] = [];
  const session = createSession(
    {
      name: 'acme',
      exchange: (ticket: string, call) => {
        seen.push(call.nowMs());
        return fake.vendor.exchange(ticket, call);
      },
      refresh: (tokens, call) => {
        offsetMs = undefined;
        seen.push(call.nowMs());
        return fake.vendor.refresh(tokens, call);
      },
    },
    { storage: memoryStorage(), clock: time.clock, serverTimeOffsetMs: () => offsetMs },
  );
  onTestFinished(session.close);
  await session.signIn('ticket-of-alice');
  await session.accessToken({ refused: 'access-1' });
  await session.signOut();

  expect(seen).toEqual([1_005_000, 1_005_000]);
});

test('a sign-in whose caller aborts while the storage is read sends no request', async () => {
  const { session, faults, sound, fake } = setUp();
  const controller = new AbortController();
  faults.read = async (name) => {
    controller.abort();
    return sound.read(name);
  };

  expect(await failureOf(session.signIn('ticket-of-alice', { signal: controller.signal }))).toMatchObject({
    code: 'aborted',
  });
  await settleAll();
  expect(fake.requests).toEqual([]);
});

test('a refused token of a session without a refresh token ends the session', async () => {
  const exchange = async () => ({ accessToken: 'only', details: { user: 'alice' } });
  const { session } = setUp({ exchange });
  await session.signIn('ticket-of-alice');

  expect(await session.accessToken()).toBe('only');
  expect(await failureOf(session.accessToken({ refused: 'only' }))).toMatchObject({ code: 'signed_out' });
  expect(session.state).toMatchObject({ status: 'signed_out', reason: 'refused' });
});

test('a sign-in that another tab overtakes rejects, and withdraws its tokens', async () => {
  const { session, faults, sound, fake } = setUp();
  const other = { id: 'other', accessToken: 'of-bob', details: { user: 'bob' }, receivedAtMs: 0 };
  faults.replace = async (...args) => {
    await sound.replace(key, null, JSON.stringify(other));
    return sound.replace(...args);
  };

  expect(await failureOf(session.signIn('ticket-of-alice'))).toMatchObject({ code: 'already_signed_in' });
  await settleAll();
  expect(fake.revoked).toEqual(['refresh-1']);
  expect(session.state).toMatchObject({ status: 'signed_in', details: { user: 'bob' } });
});

test("a vendor receives the device's time while the server time is unknown", async () => {
  const seen: number[] = [];
  const fake = createFakeVendor();
  const { session, clock } = setUp({
    exchange: (ticket, call) => {
      seen.push(call.nowMs());
      return fake.vendor.exchange(ticket, call);
    },
  });
  await session.signIn('ticket-of-alice');

  expect(seen).toEqual([clock.nowMs()]);
});
