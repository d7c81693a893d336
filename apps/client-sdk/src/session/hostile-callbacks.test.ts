import { expect, onTestFinished, test } from 'vitest';
import type { DeviceStorage } from '../storage/device-storage.ts';
import { memoryStorage } from '../storage/memory-storage.ts';
import { failureOf } from '../testing/failure.ts';
import { createFakeVendor, settleAll } from '../testing/session-vendor.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { ValetError } from '../errors/valet-error.ts';
import { createSession } from './session.ts';
import type { SessionOptions, SessionState, SessionVendor } from './session-types.ts';

function setUp({
  storage = memoryStorage(),
  vendor = {},
  options = {},
}: {
  storage?: DeviceStorage;
  vendor?: Partial<SessionVendor<string>>;
  options?: Partial<SessionOptions>;
} = {}) {
  const time = createVirtualClock();
  const fake = createFakeVendor();
  const open = () => {
    const session = createSession({ ...fake.vendor, ...vendor }, { storage, clock: time.clock, ...options });
    onTestFinished(session.close);
    return session;
  };
  return { ...time, fake, storage, open, session: open() };
}

test.each([
  ['throws', () => expect.unreachable()],
  ['returns NaN', () => Number.NaN],
  ['returns a text', () => 'soon' as never],
])('a session survives a restart if serverTimeOffsetMs %s', async (_, serverTimeOffsetMs) => {
  const { session, open } = setUp({ options: { serverTimeOffsetMs } });
  await session.signIn('ticket-of-alice');

  expect(await open().load()).toMatchObject({ status: 'signed_in' });
});

test.each([Infinity, 1e300])('a session survives a restart if its token is valid for %d seconds', async (seconds) => {
  const exchange = async () => ({ accessToken: 'a', expiresInSeconds: seconds, details: { user: 'alice' } });
  const { session, open } = setUp({ vendor: { exchange } });
  await session.signIn('ticket-of-alice');

  expect(await open().load()).toMatchObject({ status: 'signed_in' });
  expect(await open().accessToken()).toBe('a');
});

test('a pause of NaN seconds after a failed refresh lasts two seconds', async () => {
  const { session, fake, advance } = setUp();
  await session.signIn('ticket-of-alice');
  advance(100_000);
  fake.fail(new ValetError('vendor_rate_limited', '429', { retryable: true, retryAfterSeconds: Number.NaN }));
  await failureOf(session.accessToken());
  advance(2000);

  expect(await session.accessToken()).toBe('access-2');
});

test('a session works without notices if the storage cannot be watched', async () => {
  const watch = () => {
    throw new Error('a canary');
  };
  const { session } = setUp({ storage: { ...memoryStorage(), watch } });

  expect(await session.load()).toMatchObject({ status: 'signed_out' });
  await session.signIn('ticket-of-alice');
  expect(session.close()).toBeUndefined();
});

test.each([[undefined], ['text'], [{ revision: 'r1' }], [{ text: 1, revision: 'r1' }], [{ text: '', revision: 1 }]])(
  'a storage that reads %j is unavailable, and nobody is signed out',
  async (stored) => {
    const { session } = setUp({ storage: { ...memoryStorage(), read: async () => stored as never } });

    expect(await failureOf(session.load())).toMatchObject({ code: 'storage_unavailable' });
    expect(session.state).toMatchObject({ status: 'unknown' });
  },
);

test('a closed session never follows the other tabs again', async () => {
  let listeners = 0;
  const watch = () => {
    listeners += 1;
    return () => void (listeners -= 1);
  };
  const { session } = setUp({ storage: { ...memoryStorage(), watch } });
  await session.load();
  session.close();
  await session.signIn('ticket-of-alice');

  expect(await session.accessToken()).toBe('access-1');
  expect(listeners).toBe(0);
});

test('a listener that signs out in the middle of a change lets each other listener learn of each state once', async () => {
  const { session } = setUp();
  const states: SessionState[] = [];
  session.onStateChange(({ status }) => {
    if (status === 'signed_in') void session.signOut();
  });
  session.onStateChange((state) => states.push(state));

  expect(await failureOf(session.signIn('ticket-of-alice'))).toMatchObject({ code: 'aborted' });
  await settleAll();

  expect(states.filter(({ reason }) => reason === 'signed_out')).toHaveLength(1);
  expect(states.at(-1)).toBe(session.state);
});

test('a refresh that changes the details of a session changes its state', async () => {
  const refresh = async () => ({ accessToken: 'b', refreshToken: 'c', details: { user: 'alice', plan: 'new' } });
  const { session, advance } = setUp({ vendor: { refresh } });
  await session.signIn('ticket-of-alice');
  advance(100_000);
  await session.accessToken();

  expect(session.state.details).toEqual({ user: 'alice', plan: 'new' });
});

test('a sign-out whose erasure fails still withdraws the tokens at the vendor', async () => {
  const storage = memoryStorage();
  let replace = storage.replace;
  const { session, fake } = setUp({ storage: { ...storage, replace: (...args) => replace(...args) } });
  await session.signIn('ticket-of-alice');
  replace = async () => Promise.reject(new Error('locked'));

  expect(await failureOf(session.signOut())).toMatchObject({ code: 'storage_unavailable' });
  await settleAll();
  expect(fake.revoked).toEqual(['refresh-1']);
});

test('a sign-out and a load settle within the limit although the storage hangs', async () => {
  const read = () => new Promise<never>(() => undefined);
  const { session, advance } = setUp({ storage: { ...memoryStorage(), read }, options: { timeoutMs: 1000 } });
  const failures = [failureOf(session.load()), failureOf(session.signOut())];
  await settleAll();
  advance(1000);

  expect(await Promise.all(failures)).toMatchObject([{ code: 'storage_unavailable' }, { code: 'storage_unavailable' }]);
});

test('a storage that hangs delays calls with a usable token once, and fails none of them', async () => {
  const storage = memoryStorage();
  let hangs = false;
  const read = (key: string) => (hangs ? new Promise<never>(() => undefined) : storage.read(key));
  const { session, advance } = setUp({ storage: { ...storage, read } });
  await session.signIn('ticket-of-alice');
  hangs = true;
  advance(10_000);
  const calls = Array.from({ length: 5 }, () => session.accessToken());
  await settleAll();
  advance(5000);

  expect(await Promise.all(calls)).toEqual(calls.map(() => 'access-1'));
});

test('no request is sent in a turn that was over before', async () => {
  const storage = memoryStorage();
  const time = createVirtualClock();
  let steps = false;
  const read = async (key: string) => {
    const stored = await storage.read(key);
    // The device was suspended.
    if (steps) time.stepTime(9000);
    return stored;
  };
  const fake = createFakeVendor();
  const session = createSession(fake.vendor, { storage: { ...storage, read }, clock: time.clock });
  await session.signIn('ticket-of-alice');
  time.advance(99_000);
  steps = true;

  await failureOf(session.accessToken({ refused: 'access-1' }));
  expect(fake.requests).toEqual(['exchange ticket-of-alice']);
});

test('a response after the time limit of its request is kept, and not withdrawn', async () => {
  const { session, fake, advance } = setUp();
  await session.signIn('ticket-of-alice');
  advance(100_000);
  const release = fake.hold();
  const call = failureOf(session.accessToken());
  await settleAll();
  advance(8000);
  expect(await call).toMatchObject({ code: 'timeout' });
  release();
  await settleAll();

  expect(await session.accessToken()).toBe('access-2');
  expect(fake.revoked).toEqual([]);
});

test('a late write of a session that was signed out never lands', async () => {
  const storage = memoryStorage();
  let land: () => void = () => undefined;
  const replace: DeviceStorage['replace'] = async (...args) => {
    if (args[2].includes('access-1')) await new Promise<void>((resolve) => (land = resolve));
    return storage.replace(...args);
  };
  const { session, advance } = setUp({ storage: { ...storage, replace } });
  session.signIn('ticket-of-alice').catch(() => undefined);
  await settleAll();
  const signOut = session.signOut();
  await settleAll();
  advance(5000);
  await signOut;
  land();
  await settleAll();

  expect((await storage.read('valetkey.session.acme'))?.text).toBe('{"ended":true}');
});

test('a refusal ends the session if the vendor refuses the ticket of get too', async () => {
  const get = async () => {
    throw new ValetError('signed_out', 'Nobody is signed in.');
  };
  const { session, fake, advance } = setUp({ vendor: { get } });
  await session.signIn('ticket-of-alice');
  advance(100_000);
  fake.endAll();

  expect(await failureOf(session.accessToken())).toMatchObject({ code: 'signed_out' });
  expect(session.state).toMatchObject({ status: 'signed_out', reason: 'refused' });
});

test('a server time that becomes known later does not change how long a stored token is valid', async () => {
  const known: { offsetMs?: number } = {};
  const { session, open, advance } = setUp({ options: { serverTimeOffsetMs: () => known.offsetMs } });
  await session.signIn('ticket-of-alice');
  known.offsetMs = -600_000;
  advance(100_000);

  expect(await open().accessToken()).toBe('access-2');
});

test('a flood of notices from another script costs few reads, and neither ends nor changes the session', async () => {
  const sound = memoryStorage();
  const listeners: (() => void)[] = [];
  let reads = 0;
  const storage: DeviceStorage = {
    ...sound,
    read: (key) => {
      reads += 1;
      return sound.read(key);
    },
    watch: (_, listener) => {
      listeners.push(listener);
      return () => undefined;
    },
  };
  const { session } = setUp({ storage });
  await session.signIn('ticket-of-alice');
  const states: SessionState[] = [];
  session.onStateChange((state) => states.push(state));
  reads = 0;
  for (let index = 0; index < 1000; index += 1) for (const listener of listeners) listener();
  await settleAll();

  expect(reads).toBeLessThanOrEqual(2);
  expect(states).toEqual([]);
  expect(await session.accessToken()).toBe('access-1');
});

test.each([
  '',
  'null',
  '[]',
  '{"__proto__":{"accessToken":"x"}}',
  '"text"',
  '{"id":"1","details":{}}',
  '\u0000'.repeat(9),
])('a text %j that another script wrote is no session, and a sign-in replaces it', async (text) => {
  const storage = memoryStorage();
  const { open } = setUp({ storage });
  await storage.replace('valetkey.session.acme', null, text);
  const session = open();

  expect(await session.load()).toMatchObject({ status: 'signed_out' });
  await session.signIn('ticket-of-alice');
  expect(await open().load()).toMatchObject({ status: 'signed_in' });
});
