import { type ServerToken, ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createTokenCache } from './index.ts';
import { createDeploymentInMemory } from './testing/deployment-in-memory.ts';
import { countingIssue, nymblKey, serverToken } from './testing/server-token.ts';
import { createVirtualTime } from './testing/virtual-time.ts';

const down = new ValetKeyError('vendor_unavailable', 'Down.', { vendor: 'nymbl' });

/** An issue that answers or fails when it is told to. */
const manualIssue = () => {
  const pending: { resolve: (token: ServerToken) => void; reject: (error: unknown) => void; signal: AbortSignal }[] =
    [];
  const issue = ({ signal }: { signal: AbortSignal }): Promise<ServerToken> =>
    new Promise((resolve, reject) => void pending.push({ resolve, reject, signal }));
  return { issue, pending };
};

const text = async (token: Promise<ServerToken>): Promise<string> => (await token).secret.reveal();

test('a token that one replica got serves the others, for the life that is left', async () => {
  const { time, start } = createDeploymentInMemory();
  const [one, other] = [start(), start()];
  const issue = countingIssue();
  await one.get(nymblKey, issue);
  await time.advance(100_000);
  const token = await other.get(nymblKey, issue);
  expect(token).toMatchObject({ vendor: 'nymbl', kind: 'server', expiresInSeconds: 200 });
  expect(token.secret.reveal()).toBe('token-1');
  expect(issue.calls).toBe(1);
  expect(other.stats()).toMatchObject({ adoptions: 1, issues: 0, storeReachable: true });
  await time.advance(139_999);
  await other.get(nymblKey, issue);
  await time.settle();
  expect(issue.calls).toBe(1);
  await time.advance(1);
  await other.get(nymblKey, issue);
  await time.settle();
  expect(issue.calls).toBe(2);
});

test('replicas that miss at once make one call, and the others wait for it', async () => {
  const { time, start } = createDeploymentInMemory();
  const caches = [start(), start(), start()];
  const { issue, pending } = manualIssue();
  const asked = caches.map((cache) => cache.get(nymblKey, issue));
  await time.advance(8000);
  expect(pending).toHaveLength(1);
  pending[0]?.resolve(serverToken('one', 300));
  await time.advance(60);
  expect(await Promise.all(asked.map(text))).toEqual(['one', 'one', 'one']);
  expect(pending).toHaveLength(1);
  expect(time.pendingTimers()).toBe(0);
});

test('replicas that refresh at once make one call, and nobody waits', async () => {
  const { time, start } = createDeploymentInMemory();
  const caches = [start(), start()];
  const { issue, pending } = manualIssue();
  const asked = caches.map((cache) => cache.get(nymblKey, issue));
  await time.advance(1);
  pending[0]?.resolve(serverToken('old', 300));
  await time.advance(100);
  await Promise.all(asked);
  await time.advance(240_000);
  for (let count = 0; count < 10; count += 1) {
    expect(await Promise.all(caches.map((cache) => text(cache.get(nymblKey, issue))))).toEqual(['old', 'old']);
    await time.advance(100);
  }
  expect(pending).toHaveLength(2);
  pending[1]?.resolve(serverToken('new', 300));
  await time.settle();
  await Promise.all(caches.map((cache) => cache.get(nymblKey, issue)));
  await time.advance(200);
  await Promise.all(caches.map((cache) => cache.get(nymblKey, issue)));
  await time.settle();
  expect(await Promise.all(caches.map((cache) => text(cache.get(nymblKey, issue))))).toEqual(['new', 'new']);
  expect(pending).toHaveLength(2);
});

test('a background refresh leaves the key alone for 200 ms while another replica renews it', async () => {
  let reads = 0;
  const { time, records, start } = createDeploymentInMemory();
  const one = start();
  const other = start(
    {},
    {
      read: (id) => {
        reads += 1;
        return records.read(id);
      },
    },
  );
  await one.get(nymblKey, countingIssue());
  await other.get(nymblKey, countingIssue());
  await time.advance(240_000);
  const { issue } = manualIssue();
  await one.get(nymblKey, issue);
  await time.settle();
  reads = 0;
  await other.get(nymblKey, issue);
  await time.advance(199);
  expect(reads).toBe(2);
  await other.get(nymblKey, issue);
  await time.settle();
  expect(reads).toBe(2);
  await time.advance(1);
  await other.get(nymblKey, issue);
  await time.settle();
  expect(reads).toBe(4);
});

test('a failure is shared: replicas that wait are told, and nobody asks before the cool-down is over', async () => {
  const { time, start } = createDeploymentInMemory();
  const caches = [start(), start(), start()];
  const { issue, pending } = manualIssue();
  const asked = Promise.allSettled(caches.map((cache) => cache.get(nymblKey, issue)));
  await time.advance(100);
  pending[0]?.reject(down);
  await time.advance(100);
  const results = await asked;
  const told = {
    status: 'rejected',
    reason: expect.objectContaining({ code: 'vendor_unavailable', message: 'Down.' }),
  };
  expect(results).toEqual([told, told, told]);
  await time.advance(800);
  const late = start();
  await expect(late.get(nymblKey, issue)).rejects.toMatchObject({ code: 'vendor_unavailable', retryAfterSeconds: 1 });
  expect(pending).toHaveLength(1);
  expect(late.stats()).toMatchObject({ failures: 0, issues: 0 });
});

test('the cool-down goes on doubling, whichever replica asks', async () => {
  const { time, start, events } = createDeploymentInMemory();
  const fail = async (): Promise<never> => {
    throw down;
  };
  const durations: number[] = [];
  for (let count = 0; count < 4; count += 1) {
    await start()
      .get(nymblKey, fail)
      .catch(() => undefined);
    const failure = events.findLast((event) => event.type === 'failure');
    durations.push(failure?.cooldownMs ?? 0);
    await time.advance(failure?.cooldownMs ?? 0);
  }
  expect(durations).toEqual([1000, 2000, 4000, 8000]);
});

test('a lease is renewed at each third of its life, for as long as the issue takes', async () => {
  const { time, records, start } = createDeploymentInMemory();
  const renewedAtMs: number[] = [];
  const startMs = time.monotonicMs();
  const one = start(
    {},
    {
      replace: (...wish) => {
        renewedAtMs.push(time.monotonicMs() - startMs);
        return records.replace(...wish);
      },
    },
  );
  const { issue, pending } = manualIssue();
  const asked = one.get(nymblKey, issue);
  await time.advance(3500);
  expect(renewedAtMs).toEqual([1000, 2000, 3000]);
  pending[0]?.resolve(serverToken('one', 300));
  await asked;
  await time.advance(10_000);
  expect(renewedAtMs).toEqual([1000, 2000, 3000, 3500]);
});

/** Takes the lease away from whoever has it. */
const stealLease = async (
  records: { remove: (id: string, value: string) => Promise<boolean> },
  taken: Map<string, string>,
) => {
  for (const [id, value] of taken) await records.remove(id, value);
};

test('losing the lease cancels the work, and the store is looked at again', async () => {
  const { time, records, start, events } = createDeploymentInMemory();
  const taken = new Map<string, string>();
  const add = (id: string, value: string, lifetimeMs: number) => {
    taken.set(id, value);
    return records.add(id, value, lifetimeMs);
  };
  const [one, other] = [start({}, { add }), start()];
  const { issue, pending } = manualIssue();
  const asked = one.get(nymblKey, issue);
  await time.advance(100);
  await stealLease(records, taken);
  const faster = countingIssue();
  await other.get(nymblKey, faster);
  await time.advance(1000);
  expect(pending[0]?.signal.aborted).toBe(true);
  expect(await text(asked)).toBe('token-1');
  expect(pending).toHaveLength(1);
  expect(events.filter(({ type }) => type === 'lease_lost')).toHaveLength(1);
  expect(one.stats()).toMatchObject({ leaseLosses: 1, failures: 0 });
});

test('who loses two leases in one run goes on without one', async () => {
  const { time, records, start } = createDeploymentInMemory();
  const one = start({}, { replace: async () => false });
  const { issue, pending } = manualIssue();
  const asked = one.get(nymblKey, issue);
  await time.advance(1000);
  await time.advance(3000);
  await time.advance(1000);
  await time.advance(3000);
  expect(pending.map(({ signal }) => signal.aborted)).toEqual([true, true, false]);
  pending[2]?.resolve(serverToken('alone', 300));
  expect(await text(asked)).toBe('alone');
  expect((await records.read('none')).value).toBeUndefined();
  expect(await text(start().get(nymblKey, countingIssue()))).toBe('alone');
});

test('a token whose lease was lost in the meantime is served, but leaves the store to its successor', async () => {
  const { time, records, start, events } = createDeploymentInMemory();
  const taken = new Map<string, string>();
  const add = (id: string, value: string, lifetimeMs: number) => {
    taken.set(id, value);
    return records.add(id, value, lifetimeMs);
  };
  const [one, other] = [start({}, { add }), start()];
  const { issue, pending } = manualIssue();
  const asked = one.get(nymblKey, issue);
  await time.advance(100);
  await stealLease(records, taken);
  await other.get(nymblKey, countingIssue());
  pending[0]?.resolve(serverToken('older', 300));
  expect(await text(asked)).toBe('older');
  await time.settle();
  expect(events.filter(({ type }) => type === 'lease_lost')).toHaveLength(1);
  expect(await text(start().get(nymblKey, countingIssue()))).toBe('token-1');
});

test('a replica that dies with the lease holds nobody up for longer than the lease', async () => {
  const { time, records, start } = createDeploymentInMemory();
  const dead = start({}, { replace: () => new Promise(() => undefined) });
  void dead.get(nymblKey, manualIssue().issue).catch(() => undefined);
  await time.settle();
  const issue = countingIssue();
  const asked = start().get(nymblKey, issue);
  await time.advance(2999);
  expect(issue.calls).toBe(0);
  await time.advance(61);
  expect(await text(asked)).toBe('token-1');
  expect((await records.read('none')).value).toBeUndefined();
});

test('a holder that holds on for longer than any issue may take is stuck, and waited for no longer', async () => {
  const { time, records, start } = createDeploymentInMemory();
  const stuck = start({ issueTimeoutMs: 3_600_000 });
  void stuck.get(nymblKey, manualIssue().issue).catch(() => undefined);
  await time.settle();
  const issue = countingIssue();
  const asked = start().get(nymblKey, issue);
  await time.advance(13_000);
  expect(issue.calls).toBe(0);
  await time.advance(100);
  expect(await text(asked)).toBe('token-1');
  expect((await records.read('none')).value).toBeUndefined();
  await stuck.close();
});

test('a new holder is given its own time', async () => {
  const { time, start } = createDeploymentInMemory();
  const settings = { issueTimeoutMs: 10_000 };
  const [one, two] = [start(settings), start(settings)];
  const firstIssue = manualIssue();
  void one.get(nymblKey, firstIssue.issue).catch(() => undefined);
  await time.settle();
  const waiting = countingIssue();
  const asked = start(settings).get(nymblKey, waiting);
  await time.advance(9000);
  await one.close();
  const secondIssue = manualIssue();
  void two.get(nymblKey, secondIssue.issue).catch(() => undefined);
  await time.advance(9000);
  expect(waiting.calls).toBe(0);
  secondIssue.pending[0]?.resolve(serverToken('second', 300));
  await time.advance(100);
  expect(await text(asked)).toBe('second');
});

test('a report of a refused token removes exactly that token from the store', async () => {
  const { time, start } = createDeploymentInMemory();
  const [one, other] = [start(), start()];
  const issue = countingIssue();
  const failed = await one.get(nymblKey, issue);
  await other.get(nymblKey, issue);
  await one.invalidate(nymblKey, failed);
  expect(await text(one.get(nymblKey, issue))).toBe('token-2');
  await time.settle();
  expect(await other.invalidate(nymblKey, failed)).toBe(true);
  expect(await text(other.get(nymblKey, issue))).toBe('token-2');
  expect(issue.calls).toBe(2);
});

test('a refused token that is still in the store is not taken up again', async () => {
  const { records, start } = createDeploymentInMemory();
  const never = (): Promise<never> => new Promise(() => undefined);
  const one = start({}, { remove: (id, value) => (id.endsWith(':token') ? never() : records.remove(id, value)) });
  const issue = countingIssue();
  const failed = await one.get(nymblKey, issue);
  void one.invalidate(nymblKey, failed);
  expect(await text(one.get(nymblKey, issue))).toBe('token-2');
});

test('reports that come too often leave the store alone, too', async () => {
  const { time, start } = createDeploymentInMemory();
  const one = start();
  const issue = countingIssue();
  for (let count = 0; count < 6; count += 1) {
    await one.invalidate(nymblKey, await one.get(nymblKey, issue));
    await time.settle();
  }
  expect(await text(start().get(nymblKey, issue))).toBe('token-6');
});

test('that a vendor repeats itself is known to all replicas', async () => {
  const { time, start } = createDeploymentInMemory();
  const [one, other] = [start(), start()];
  const endMs = time.monotonicMs() + 300_000;
  let calls = 0;
  const issue = async (): Promise<ServerToken> => {
    calls += 1;
    return serverToken('same', (endMs - time.monotonicMs()) / 1000);
  };
  await one.get(nymblKey, issue);
  await other.get(nymblKey, issue);
  await time.advance(240_000);
  await one.get(nymblKey, issue);
  await time.settle();
  expect(calls).toBe(2);
  for (let count = 0; count < 29; count += 1) {
    await other.get(nymblKey, issue);
    await time.advance(1000);
  }
  expect(calls).toBe(2);
  await time.advance(1000);
  await other.get(nymblKey, issue);
  await time.settle();
  expect(calls).toBe(3);
  await expect(start().get(nymblKey, issue, { minRemainingSeconds: 100 })).rejects.toMatchObject({
    reason: 'life_too_short',
  });
});

test('without the store each replica goes on by itself, and nothing fails', async () => {
  const { time, start, events } = createDeploymentInMemory();
  const refuse = async (): Promise<never> => {
    throw new Error('READONLY');
  };
  const broken = { read: refuse, write: refuse, add: refuse, replace: refuse, remove: refuse };
  const caches = [start({}, broken), start({}, broken)];
  const issue = countingIssue();
  const answers = await Promise.all(caches.map((cache) => text(cache.get(nymblKey, issue))));
  expect(answers).toEqual(['token-1', 'token-2']);
  expect(caches[0]?.stats()).toMatchObject({ failures: 0, storeReachable: false, storeFailures: 1 });
  expect(events).toContainEqual({ type: 'store_down', reason: 'READONLY' });
  expect(time.pendingTimers()).toBe(0);
});

test('a store that hangs costs 250 ms once', async () => {
  const { time, start } = createDeploymentInMemory();
  const hang = (): Promise<never> => new Promise(() => undefined);
  const cache = start({}, { read: hang, add: hang, write: hang, replace: hang, remove: hang });
  const issue = countingIssue();
  const asked = cache.get(nymblKey, issue);
  await time.advance(249);
  expect(issue.calls).toBe(0);
  await time.advance(1);
  expect(await text(asked)).toBe('token-1');
  expect(await text(cache.get({ vendor: 'nymbl' }, issue))).toBe('token-2');
});

test('a store that may be read but not written keeps nobody from a token, nor from its failure', async () => {
  const { start } = createDeploymentInMemory();
  const refuse = async (): Promise<never> => {
    throw new Error('OOM command not allowed');
  };
  const cache = start({}, { write: refuse, add: refuse, replace: refuse, remove: refuse });
  expect(await text(cache.get(nymblKey, countingIssue()))).toBe('token-1');
  const other = start({}, { write: refuse, add: refuse, replace: refuse, remove: refuse });
  await expect(other.get(nymblKey, () => Promise.reject(down))).rejects.toBe(down);
});

test('close gives the lease back, waits for what is being written, and closes the store', async () => {
  const { time, records, start } = createDeploymentInMemory();
  let closed = false;
  const one = start({}, { close: async () => void (closed = true) });
  const { issue } = manualIssue();
  const asked = one.get(nymblKey, issue);
  await time.settle();
  const closing = one.close();
  await expect(asked).rejects.toMatchObject({ code: 'overloaded' });
  await closing;
  expect(closed).toBe(true);
  const other = start({}, { close: records.close });
  expect(await text(other.get(nymblKey, countingIssue()))).toBe('token-1');
  await other.close();
  expect(await text(start().get(nymblKey, countingIssue()))).toBe('token-1');
  expect(time.pendingTimers()).toBe(0);
});

test('close ends the wait for another replica', async () => {
  const { time, start } = createDeploymentInMemory();
  const [one, other] = [start(), start()];
  void one.get(nymblKey, manualIssue().issue).catch(() => undefined);
  await time.settle();
  const issue = countingIssue();
  const asked = other.get(nymblKey, issue);
  await time.advance(100);
  const closing = other.close();
  await expect(asked).rejects.toMatchObject({ code: 'overloaded', reason: 'closed' });
  await closing;
  expect(issue.calls).toBe(0);
});

test('a token that is refused before it is written is not written', async () => {
  const { time, start } = createDeploymentInMemory();
  const one = start({
    onEvent: ({ type }) => {
      if (type === 'refresh') void one.invalidate(nymblKey, serverToken('refused'));
    },
  });
  const failing = one.get(nymblKey, async () => serverToken('refused', 300));
  await expect(failing).rejects.toMatchObject({ reason: 'life_too_short' });
  await time.settle();
  expect(await text(start().get(nymblKey, countingIssue()))).toBe('token-1');
});

test.each(['read', 'add'] as const)('close in the middle of a call to the store (%s) begins no issue', async (call) => {
  const { time, records, start } = createDeploymentInMemory();
  const later = (): Promise<void> => new Promise((resolve) => void time.after(100, resolve));
  const slow = {
    read: (id: string) => later().then(() => records.read(id)),
    add: (id: string, value: string, lifetimeMs: number) => later().then(() => records.add(id, value, lifetimeMs)),
  };
  const cache = start({}, { [call]: slow[call] });
  const issue = countingIssue();
  const asked = cache.get(nymblKey, issue);
  await time.settle();
  const closing = cache.close();
  const [, refused] = await Promise.all([time.advance(1000), asked.catch((error: unknown) => error)]);
  expect(refused).toMatchObject({ code: 'overloaded', reason: 'closed' });
  await closing;
  expect(issue.calls).toBe(0);
  expect(await text(start().get(nymblKey, countingIssue()))).toBe('token-1');
});

test('close without a store ends before anything begins', async () => {
  const time = createVirtualTime();
  const cache = createTokenCache({ clock: time, timers: time });
  const issue = countingIssue();
  const asked = cache.get(nymblKey, issue);
  const [, refused] = await Promise.all([cache.close(), asked.catch((error: unknown) => error)]);
  expect(refused).toMatchObject({ code: 'overloaded', reason: 'closed' });
  expect(issue.calls).toBe(0);
});

test('a replica that failed more often than the others know goes on from its own count', async () => {
  const { time, records, start, events } = createDeploymentInMemory();
  let alone = true;
  const lonely = start({}, { read: async (id) => (alone ? Promise.reject(new Error('DOWN')) : records.read(id)) });
  const fail = async (): Promise<never> => {
    throw down;
  };
  for (let count = 0; count < 3; count += 1) {
    await lonely.get(nymblKey, fail).catch(() => undefined);
    await time.advance(4000);
  }
  alone = false;
  await start()
    .get(nymblKey, fail)
    .catch(() => undefined);
  await lonely.get(nymblKey, fail).catch(() => undefined);
  await time.advance(1000);
  await lonely.get(nymblKey, fail).catch(() => undefined);
  const failures = events.filter((event) => event.type === 'failure');
  expect(failures.map(({ attempts }) => attempts)).toEqual([1, 2, 3, 1, 4]);
});

test('a token in the store serves those whom it suits; for the others one is issued', async () => {
  const { time, start } = createDeploymentInMemory();
  const issue = countingIssue();
  await start().get(nymblKey, issue);
  await time.advance(150_000);
  expect(await text(start().get(nymblKey, issue, { minRemainingSeconds: 150 }))).toBe('token-1');
  expect(await text(start().get(nymblKey, issue, { minRemainingSeconds: 151 }))).toBe('token-2');
  await time.advance(295_000);
  expect(await text(start().get(nymblKey, issue, { minRemainingSeconds: 0 }))).toBe('token-2');
  expect(await text(start().get(nymblKey, issue, { minRemainingSeconds: 5 }))).toBe('token-2');
  expect(await text(start().get(nymblKey, issue))).toBe('token-3');
  expect(issue.calls).toBe(3);
});

test('of several who wait, the one with the greatest need decides', async () => {
  for (const needs of [
    [0, undefined],
    [undefined, 0],
    [0, 20],
    [20, 0],
  ]) {
    const { time, start } = createDeploymentInMemory();
    const issue = countingIssue();
    await start().get(nymblKey, issue);
    await time.advance(295_000);
    const cache = start();
    const asked = needs.map((minRemainingSeconds) => cache.get(nymblKey, issue, { minRemainingSeconds }));
    expect(await Promise.all(asked.map(text))).toEqual(['token-2', 'token-2']);
    expect(cache.stats()).toMatchObject({ waits: 2, issues: 1 });
  }
});

test('a replica that asks without a lease tells the others nothing of its failure', async () => {
  const { time, records, start } = createDeploymentInMemory();
  const written: string[] = [];
  const alone = start(
    {},
    {
      add: () => Promise.reject(new Error('OOM')),
      replace: (...wish) => {
        written.push(wish[0]);
        return records.replace(...wish);
      },
      remove: (...wish) => {
        written.push(wish[0]);
        return records.remove(...wish);
      },
    },
  );
  await expect(alone.get(nymblKey, () => Promise.reject(down))).rejects.toBe(down);
  await time.settle();
  expect(written).toEqual([]);
});
