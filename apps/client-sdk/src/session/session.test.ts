import { describe, expect, onTestFinished, test } from 'vitest';
import type { DeviceStorage } from '../storage/device-storage.ts';
import { memoryStorage } from '../storage/memory-storage.ts';
import { failureOf } from '../testing/failure.ts';
import { createFakeVendor, settleAll } from '../testing/session-vendor.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { ValetError } from '../errors/valet-error.ts';
import { createSession } from './session.ts';
import type { Session, SessionState } from './session-types.ts';

/** Creates a session at a fake vendor whose access tokens are valid for 100 seconds. */
function setUp({ storage = memoryStorage() }: { storage?: DeviceStorage } = {}) {
  const time = createVirtualClock();
  const fake = createFakeVendor();
  const open = () => {
    const session = createSession(fake.vendor, { storage, clock: time.clock });
    onTestFinished(session.close);
    return session;
  };
  return { ...time, fake, storage, open, session: open() };
}

function statesOf(session: Session<string>): SessionState[] {
  const states: SessionState[] = [];
  session.onStateChange((state) => states.push(state));
  return states;
}

describe('a session', () => {
  test('is unknown before the storage was read, and signed out if the storage is empty', async () => {
    const { session } = setUp();

    expect(session.state).toEqual({ status: 'unknown', reason: 'start', details: {} });
    expect(await session.load()).toEqual({ status: 'signed_out', reason: 'restored', details: {} });
    expect(await failureOf(session.accessToken())).toMatchObject({ code: 'signed_out' });
  });

  test('begins once, and gives its access token without a request', async () => {
    const { session, fake } = setUp();
    const states = statesOf(session);

    await session.signIn('ticket-of-alice');

    expect(await session.accessToken()).toBe('access-1');
    expect(states).toEqual([{ status: 'signed_out', reason: 'restored', details: {} }, session.state]);
    expect(session.state).toEqual({ status: 'signed_in', reason: 'signed_in', details: { user: 'alice' } });
    expect(await failureOf(session.signIn('ticket-of-alice'))).toMatchObject({ code: 'already_signed_in' });
    expect(fake.requests).toEqual(['exchange ticket-of-alice']);
  });

  test('survives a restart of the program without a request', async () => {
    const { session, fake, open } = setUp();
    await session.signIn('ticket-of-alice');

    const restarted = open();

    expect(await restarted.load()).toEqual({ status: 'signed_in', reason: 'restored', details: { user: 'alice' } });
    expect(await restarted.accessToken()).toBe('access-1');
    expect(fake.requests).toHaveLength(1);
  });

  test('refreshes once for 1,000 callers whose token is due', async () => {
    const { session, fake, advance } = setUp();
    await session.signIn('ticket-of-alice');
    advance(90_000);

    const tokens = await Promise.all(Array.from({ length: 1000 }, () => session.accessToken()));

    expect(new Set(tokens)).toEqual(new Set(['access-2']));
    expect(fake.requests).toEqual(['exchange ticket-of-alice', 'refresh refresh-1']);
  });
});

test('a sign-out during a refresh wins: nothing is delivered, kept or stored, and the new tokens are withdrawn', async () => {
  const { session, fake, advance, open } = setUp();
  await session.signIn('ticket-of-alice');
  advance(100_000);
  const release = fake.hold();
  const call = failureOf(session.accessToken());
  await settleAll();

  const signOut = session.signOut();
  release();

  expect(await call).toMatchObject({ code: 'aborted' });
  await signOut;
  await settleAll();
  expect(session.state).toMatchObject({ status: 'signed_out', reason: 'signed_out' });
  expect(await open().load()).toMatchObject({ status: 'signed_out' });
  expect(fake.revoked).toContain('refresh-2');
});

test('a failed refresh is no sign-out, and is shared and followed by a pause', async () => {
  const { session, fake, advance } = setUp();
  await session.signIn('ticket-of-alice');
  advance(100_000);
  fake.fail(new ValetError('network_unavailable', 'The vendor is unreachable.', { retryable: true }));

  const failures = await Promise.all([failureOf(session.accessToken()), failureOf(session.accessToken())]);
  const later = await failureOf(session.accessToken());
  advance(2000);

  expect(failures).toMatchObject([{ code: 'network_unavailable' }, { code: 'network_unavailable' }]);
  expect(later).toMatchObject({ code: 'network_unavailable', retryAfterSeconds: 2 });
  expect(session.state).toMatchObject({ status: 'signed_in' });
  expect(await session.accessToken()).toBe('access-2');
  expect(fake.requests).toHaveLength(3);
});
