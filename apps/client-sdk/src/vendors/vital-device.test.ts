import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { failureOf } from '../testing/failure.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { alice, bob, valetWithVital, vitalCore } from '../testing/vital.ts';
import type { VitalCore } from './vital-device.ts';
import { vitalReconcile } from './vital-reconcile.ts';

const never = () => new Promise<never>(() => undefined);

/** Waits until `isReached` returns true, while other tasks run. */
async function until(isReached: () => boolean): Promise<void> {
  while (!isReached()) await turn();
}

test.each(['status', 'currentUserId', 'signOut', 'signIn'] as const)(
  "a call of %s of Vital's SDK that never settles times out, and the next call of vitalReconcile works",
  async (name) => {
    const { clock, advance, scheduledCount } = createVirtualClock();
    const { valet } = await valetWithVital({ clock });
    const { core, current } = vitalCore(name === 'signIn' ? undefined : bob);
    let hangs = true;
    let called = false;
    const hanging: VitalCore = {
      ...core,
      [name]: (...values: string[]) => {
        called = true;
        return hangs ? never() : (core[name] as (...values: string[]) => Promise<unknown>)(...values);
      },
    };
    const reconcile = vitalReconcile(valet, hanging);

    const failure = failureOf(reconcile());
    const next = reconcile();
    await until(() => called);
    hangs = false;
    advance(10_000);

    expect(await failure).toMatchObject({ code: 'timeout', retryable: true });
    expect((await failure).message).toContain(`\`${name}\` of Vital's SDK`);
    expect(await next).toBe('signed_in');
    expect(current()).toBe(alice);
    expect(scheduledCount()).toBe(0);
  },
);

test("timeoutMs of vitalReconcile limits each call of Vital's SDK", async () => {
  const { clock, advance } = createVirtualClock();
  const { valet } = await valetWithVital({ clock });
  const reconcile = vitalReconcile(valet, { ...vitalCore().core, status: never }, { timeoutMs: 300 });

  const failure = failureOf(reconcile());
  await turn();
  advance(300);

  expect(await failure).toMatchObject({ code: 'timeout' });
});

test("functions of two clients for one object of Vital's SDK sign in once, as React's StrictMode calls them twice", async () => {
  const { core, calls } = vitalCore();
  const [first, second] = [await valetWithVital(), await valetWithVital()];

  const outcomes = await Promise.all([
    vitalReconcile(first.valet, core)(),
    vitalReconcile(first.valet, core)(),
    vitalReconcile(second.valet, core)(),
  ]);

  expect(outcomes).toEqual(['signed_in', 'unchanged', 'unchanged']);
  expect(calls).toEqual([`signIn token-of-${alice}`]);
});

/** Creates a core of Vital's SDK whose sign-in ends only after `finish` is called. */
function lateVitalCore() {
  const { core, calls, current } = vitalCore();
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  const signIn = async (token: string) => {
    calls.push('asked');
    await finished;
    await core.signIn(token);
  };
  return { core: { ...core, signIn }, calls, current, finish };
}

test('a sign-in that succeeds after its time limit is undone if the app has signed its user out since', async () => {
  const { clock, advance } = createVirtualClock();
  const { valet, user } = await valetWithVital({ clock });
  const { core, calls, current, finish } = lateVitalCore();
  const reconcile = vitalReconcile(valet, core);

  const failure = failureOf(reconcile());
  await until(() => calls.includes('asked'));
  advance(10_000);
  expect(await failure).toMatchObject({ code: 'timeout' });
  valet.signOut();
  user.appToken = null;
  expect(await reconcile()).toBe('unchanged');
  finish();
  await until(() => calls.includes('signOut'));

  expect(current()).toBeUndefined();
});

test('a sign-in that succeeds after its time limit stays if its user is still the user of the app', async () => {
  const { clock, advance } = createVirtualClock();
  const { valet } = await valetWithVital({ clock });
  const { core, calls, current, finish } = lateVitalCore();
  const reconcile = vitalReconcile(valet, core);

  const failure = failureOf(reconcile());
  await until(() => calls.includes('asked'));
  advance(10_000);
  await failure;
  finish();
  await turn();

  expect(await reconcile()).toBe('unchanged');
  expect(current()).toBe(alice);
});

test("vitalReconcile calls configure once, before any other call of Vital's SDK, and again after it failed", async () => {
  const { valet } = await valetWithVital();
  const { core, calls } = vitalCore();
  const status = async () => {
    calls.push('status');
    return core.status();
  };
  let failing = true;
  const configure = async () => {
    calls.push('configure');
    if (failing) throw new Error('not linked');
  };
  const reconcile = vitalReconcile(valet, { ...core, status }, { configure });

  await expect(reconcile()).rejects.toThrow('not linked');
  failing = false;
  await reconcile();
  await reconcile();

  expect(calls).toEqual(['configure', 'configure', 'status', `signIn token-of-${alice}`, 'status']);
});

test.each([undefined, null, 5, 'signedIn', {}])(
  'vitalReconcile rejects and changes nothing when the status is %j, which is not a list',
  async (status) => {
    const { valet, user } = await valetWithVital();
    const { core, calls } = vitalCore(alice);
    user.appToken = null;
    const reconcile = vitalReconcile(valet, { ...core, status: async () => status as never });

    expect(await failureOf(reconcile())).toMatchObject({ code: 'response_invalid', vendor: 'vital' });
    expect(calls).toEqual([]);
  },
);
