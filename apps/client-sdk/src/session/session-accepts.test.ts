import { expect, onTestFinished, test } from 'vitest';
import type { DeviceStorage } from '../storage/device-storage.ts';
import { createTextStorage } from '../storage/text-storage.ts';
import { failureOf } from '../testing/failure.ts';
import { createFakeVendor } from '../testing/session-vendor.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { ValetError } from '../errors/valet-error.ts';
import { createSession } from './session.ts';
import type { SessionVendor } from './session-types.ts';

/** Creates the sessions of two tabs that share a storage. Each accepts the session of one user only, and gets its own tokens. */
function setUp() {
  const time = createVirtualClock();
  const fake = createFakeVendor();
  const texts = new Map<string, string>();
  const place = {
    get: (name: string) => texts.get(name),
    set: (name: string, text: string) => texts.set(name, text),
    delete: (name: string) => texts.delete(name),
  };
  const openTab = (
    user: string,
    { refresh = fake.vendor.refresh, exchange = fake.vendor.exchange, hasTurns = true } = {},
  ) => {
    const storage = createTextStorage(place, { clock: time.clock });
    const runAlone: typeof storage.runAlone = (_key, _signal, task) => task({ isTakenOver: false });
    const vendor: SessionVendor<string> = {
      name: 'acme',
      get: async () => `ticket-of-${user}`,
      exchange,
      refresh,
      accepts: (details) => details['user'] === user,
    };
    const session = createSession(vendor, {
      storage: hasTurns
        ? storage
        : new Proxy(storage, {
            get: (target, name: keyof DeviceStorage) => (name === 'runAlone' ? runAlone : target[name]),
          }),
      clock: time.clock,
    });
    onTestFinished(session.close);
    return session;
  };
  return { ...time, fake, openTab, alice: openTab('alice'), bob: openTab('bob') };
}

test('a session that a tab does not accept is erased, and the tab gets tokens of its own user', async () => {
  const { alice, bob, fake } = setUp();
  await alice.accessToken();

  expect(await bob.accessToken()).toBe('access-2');
  expect(bob.state.details).toEqual({ user: 'bob' });
  expect(fake.requests).toEqual(['exchange ticket-of-alice', 'exchange ticket-of-bob']);
});

test('a tab that holds the session of another user asks for one of its own, although that one has not expired', async () => {
  const { alice, bob } = setUp();
  await bob.accessToken();
  await alice.load();

  expect(await alice.accessToken()).toBe('access-2');
  expect(alice.state.details).toEqual({ user: 'alice' });
});

test('if the vendor refuses a refresh token, the session begins anew with tokens of the same user', async () => {
  const { alice, fake, advance } = setUp();
  await alice.accessToken();
  fake.endAll();
  advance(100_000);

  expect(await alice.accessToken()).toBe('access-2');
  expect(fake.requests).toEqual(['exchange ticket-of-alice', 'refresh refresh-1', 'exchange ticket-of-alice']);
});

test('a refused refresh resolves to the token of a tab that refreshed without waiting for its turn', async () => {
  const { alice, openTab, fake, advance } = setUp();
  await alice.accessToken();
  advance(100_000);
  const hasty = openTab('alice', { hasTurns: false });
  const refused = openTab('alice', {
    refresh: async () => {
      await hasty.accessToken();
      throw new ValetError('signed_out', 'The vendor has ended the session.');
    },
  });

  expect(await refused.accessToken()).toBe('access-2');
  expect(fake.requests).toEqual(['exchange ticket-of-alice', 'refresh refresh-1']);
});

test('a tab never returns the token of another user who signed in without waiting for a turn', async () => {
  const { openTab, fake } = setUp();
  const hasty = openTab('bob', { hasTurns: false });
  const alice = openTab('alice', {
    exchange: async (ticket, call) => {
      await hasty.accessToken();
      return fake.vendor.exchange?.(ticket, call) as never;
    },
  });

  expect(await failureOf(alice.accessToken())).toMatchObject({ code: 'already_signed_in' });
});
