import { expect, onTestFinished, test } from 'vitest';
import type { DeviceStorage } from '../storage/device-storage.ts';
import { createTextStorage } from '../storage/text-storage.ts';
import { failureOf } from '../testing/failure.ts';
import { createFakeVendor, settleAll } from '../testing/session-vendor.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { ValetError, type ValetErrorDetails } from '../errors/valet-error.ts';
import { createSession } from './session.ts';
import type { SessionOptions, SessionVendor } from './session-types.ts';

const key = 'valetkey.session.acme';

/** The functions of a storage that fail, which a test can change. */
type Faults = { -readonly [Name in keyof DeviceStorage]?: DeviceStorage[Name] };

/** Creates the sessions of tabs that share one storage, which tells each of what another wrote. */
function setUp() {
  const time = createVirtualClock();
  const fake = createFakeVendor();
  const texts = new Map<string, string>();
  const place = {
    get: (name: string) => texts.get(name),
    set: (name: string, text: string) => texts.set(name, text),
    delete: (name: string) => texts.delete(name),
  };
  const openStorage = () => createTextStorage(place, { clock: time.clock });
  const openTab = ({
    faults = {},
    vendor = fake.vendor,
    ...options
  }: { faults?: Faults; vendor?: SessionVendor<string> } & Partial<SessionOptions> = {}) => {
    const storage = openStorage();
    const faulty = new Proxy(storage, {
      get: (target, name: keyof DeviceStorage) => faults[name] ?? target[name],
    });
    const session = createSession(vendor, { storage: faulty, clock: time.clock, ...options });
    onTestFinished(session.close);
    return session;
  };
  return { ...time, fake, openTab, storage: openStorage() };
}

const failed = (details: ValetErrorDetails = {}) =>
  new ValetError('vendor_unavailable', 'The vendor is busy.', { retryable: true, ...details });

test('a sign-out in another tab ends a call that refreshes, and the state says where it happened', async () => {
  const { openTab, fake, advance } = setUp();
  const [first, second] = [openTab(), openTab()];
  await first.signIn('ticket-of-alice');
  await second.load();
  advance(100_000);
  const release = fake.hold();
  const call = failureOf(first.accessToken());
  await settleAll();

  await second.signOut();
  await settleAll();
  release();

  expect(await call).toMatchObject({ code: 'signed_out' });
  expect(first.state).toEqual({ status: 'signed_out', reason: 'elsewhere', details: {} });
});

test('a tab follows the next user of another tab, and gives nothing of the former user to a call that began before', async () => {
  const { openTab, fake, advance } = setUp();
  const [first, second] = [openTab(), openTab()];
  await first.signIn('ticket-of-alice');
  await second.load();
  advance(100_000);
  const release = fake.hold();
  const call = failureOf(first.accessToken());
  await settleAll();
  await second.signOut();
  release();
  await settleAll();
  await second.signIn('ticket-of-bob');
  await settleAll();

  expect(await call).toMatchObject({ code: 'signed_out' });
  expect(first.state).toEqual({ status: 'signed_in', reason: 'elsewhere', details: { user: 'bob' } });
  expect(await first.accessToken()).toBe(await second.accessToken());
});

test('a tab learns of the tokens of another tab without a notice within ten seconds, and reads no more often', async () => {
  const { openTab, advance } = setUp();
  let reads = 0;
  const storage = setUp().storage;
  const counted: DeviceStorage['read'] = (name) => {
    reads += 1;
    return storage.read(name);
  };
  const session = openTab({ faults: { ...storage, read: counted, watch: () => () => undefined } });
  await session.load();
  await session.load();
  advance(9999);
  await session.load();
  expect(reads).toBe(1);
  advance(1);
  await session.load();
  expect(reads).toBe(2);
});

test('tokens whose write failed are written again by the next read of the storage', async () => {
  const { openTab, advance, storage } = setUp();
  const faults: Faults = {};
  const session = openTab({ faults });
  await session.signIn('ticket-of-alice');
  advance(100_000);
  faults.replace = async () => Promise.reject(new Error('quota'));
  expect(await session.accessToken()).toBe('access-2');
  expect((await storage.read(key))?.text).toContain('access-1');
  delete faults.replace;

  advance(10_000);
  await session.load();

  expect((await storage.read(key))?.text).toContain('access-2');
});

test('a session that could not be written is not written again after a sign-out', async () => {
  const { openTab, advance, storage } = setUp();
  const faults: Faults = { replace: async () => Promise.reject(new Error('quota')) };
  const session = openTab({ faults });
  await session.signIn('ticket-of-alice');
  delete faults.replace;
  await session.signOut();
  advance(10_000);
  await session.load();

  expect((await storage.read(key))?.text).toBe('{"ended":true}');
});

test('a token that is due but has not expired is used if the refresh fails, unless the vendor refused it', async () => {
  const { openTab, fake, advance } = setUp();
  const session = openTab();
  await session.signIn('ticket-of-alice');
  advance(95_000);
  fake.fail(failed(), failed(), failed());

  expect(await session.accessToken()).toBe('access-1');
  advance(2000);
  expect(await failureOf(session.accessToken({ refused: 'access-1' }))).toMatchObject({ code: 'vendor_unavailable' });
  advance(3000);
  expect(await failureOf(session.accessToken())).toMatchObject({ code: 'vendor_unavailable' });
});

test.each([
  [undefined, 2],
  [1, 2],
  [7, 7],
  [3600, 60],
])('after a failure with a Retry-After of %s seconds, no request follows for %d seconds', async (asked, seconds) => {
  const { openTab, fake, advance } = setUp();
  const session = openTab();
  await session.signIn('ticket-of-alice');
  advance(100_000);
  fake.fail(failed({ retryAfterSeconds: asked }));
  await failureOf(session.accessToken());

  advance(seconds * 1000 - 1);
  expect(await failureOf(session.accessToken())).toMatchObject({ code: 'vendor_unavailable', retryAfterSeconds: 1 });
  expect(fake.requests).toHaveLength(2);
  advance(1);
  expect(await session.accessToken()).toBe('access-2');
});

test('a failure that a retry cannot mend is followed by no pause', async () => {
  const { openTab, fake, advance } = setUp();
  const session = openTab();
  await session.signIn('ticket-of-alice');
  advance(100_000);
  fake.fail(failed({ retryable: false }));
  await failureOf(session.accessToken());

  expect(await session.accessToken()).toBe('access-2');
});

test('a sign-out ends the pause after a failure', async () => {
  const { openTab, fake, advance } = setUp();
  const vendor = { ...fake.vendor, get: async () => 'ticket-of-bob' };
  const session = openTab({ vendor });
  await session.signIn('ticket-of-alice');
  advance(100_000);
  fake.fail(failed());
  await failureOf(session.accessToken());

  await session.signOut();

  expect(await session.accessToken()).toBe('access-2');
  expect(session.state.details).toEqual({ user: 'bob' });
});

test('a vendor that gives tickets itself is asked for one after it refused the refresh, and the session stays the same', async () => {
  const { openTab, fake, advance, storage } = setUp();
  let asked = 0;
  const get = async () => {
    asked += 1;
    return 'ticket-of-alice';
  };
  const session = openTab({ vendor: { ...fake.vendor, get } });
  expect(await session.accessToken()).toBe('access-1');
  const states = [session.state];
  session.onStateChange((state) => states.push(state));
  const idOf = async () => (JSON.parse((await storage.read(key))?.text ?? '{}') as { id?: string }).id;
  const id = await idOf();
  fake.endAll();
  advance(100_000);

  expect(await session.accessToken()).toBe('access-2');
  expect(asked).toBe(2);
  expect(states).toHaveLength(1);
  expect(id).toBeDefined();
  expect(await idOf()).toBe(id);
});

test('a session whose user must sign in again sends no request, and its state says so', async () => {
  const { openTab, fake, advance } = setUp();
  const session = openTab();
  await session.signIn('ticket-of-alice');
  advance(100_000);
  fake.fail(new ValetError('reauthentication_required', 'Sign in again.'));
  await failureOf(session.accessToken());

  expect(await failureOf(session.accessToken())).toMatchObject({ code: 'reauthentication_required' });
  expect(fake.requests).toHaveLength(2);
  expect(session.state).toEqual({
    status: 'reauthentication_required',
    reason: 'refused',
    details: { user: 'alice' },
  });
});

test('a sign-out without a session withdraws nothing', async () => {
  const { openTab, fake } = setUp();
  const session = openTab();
  await session.signOut();
  await settleAll();

  expect(fake.revoked).toEqual([]);
});

test('a caller that aborts a sign-in aborts its request, and the tokens of a late response are withdrawn', async () => {
  const { openTab, fake } = setUp();
  const signals: AbortSignal[] = [];
  const vendor: SessionVendor<string> = {
    ...fake.vendor,
    exchange: (ticket, call) => {
      signals.push(call.signal);
      return fake.vendor.exchange(ticket, call);
    },
  };
  const session = openTab({ vendor });
  const release = fake.hold();
  const controller = new AbortController();
  const signIn = failureOf(session.signIn('ticket-of-alice', { signal: controller.signal }));
  await settleAll();

  controller.abort();
  release();

  expect(await signIn).toMatchObject({ code: 'aborted' });
  await settleAll();
  expect(signals[0]?.aborted).toBe(true);
  expect(fake.revoked).toEqual(['refresh-1']);
  expect(session.state).toMatchObject({ status: 'signed_out' });
});

test('a stored token is as fresh after a restart as before it, on a device whose clock is an hour late', async () => {
  const { openTab, advance } = setUp();
  const serverTimeOffsetMs = () => 3_600_000;
  await openTab({ serverTimeOffsetMs }).signIn('ticket-of-alice');
  advance(89_000);

  expect(await openTab({ serverTimeOffsetMs }).accessToken()).toBe('access-1');
  advance(1000);
  expect(await openTab({ serverTimeOffsetMs }).accessToken()).toBe('access-2');
});

test('a refresh that never gets its turn ends, and leaves no timer', async () => {
  const { openTab, advance, scheduledCount } = setUp();
  const faults: Faults = {};
  const session = openTab({ faults });
  await session.signIn('ticket-of-alice');
  advance(100_000);
  faults.runAlone = () => new Promise(() => undefined);
  const call = failureOf(session.accessToken());
  await settleAll();
  advance(10_000);
  expect(await call).toMatchObject({ code: 'timeout' });

  advance(8000);
  await settleAll();
  expect(scheduledCount()).toBe(0);
});
