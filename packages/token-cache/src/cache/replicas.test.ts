import { type ServerToken, ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import type { RecordStore } from '../stores/store-types.ts';
import { createDeploymentInMemory } from '../testing/deployment-in-memory.ts';
import { createCountingIssue, createManualIssue, nymblKey, serverToken, secretOf } from '../testing/server-token.ts';
import { createVirtualTime } from '../testing/virtual-time.ts';
import { createTokenCache } from './token-cache.ts';

const down = new ValetKeyError('vendor_unavailable', 'Down.', {
  vendor: 'nymbl',
  cause: { type: 'vendor_status', status: 503 },
});

test('a replica adopts the token of another replica for the life that it has left', async () => {
  const { time, start } = createDeploymentInMemory();
  const [one, other] = [start(), start()];
  const issue = createCountingIssue();
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

test('if no replica has a token, one replica calls the vendor and the others wait for its token', async () => {
  const { time, start } = createDeploymentInMemory();
  const caches = [start(), start(), start()];
  const { issue, pending } = createManualIssue();
  const asked = caches.map((cache) => cache.get(nymblKey, issue));
  await time.advance(8000);
  expect(pending).toHaveLength(1);
  pending[0]?.resolve(serverToken('one', 300));
  await time.advance(60);
  expect(await Promise.all(asked.map(secretOf))).toEqual(['one', 'one', 'one']);
  expect(pending).toHaveLength(1);
  expect(time.pendingTimers()).toBe(0);
});

test('if the token is due, one replica renews it in the background and no caller waits', async () => {
  const { time, start } = createDeploymentInMemory();
  const caches = [start(), start()];
  const { issue, pending } = createManualIssue();
  const asked = caches.map((cache) => cache.get(nymblKey, issue));
  await time.advance(1);
  pending[0]?.resolve(serverToken('old', 300));
  await time.advance(100);
  await Promise.all(asked);
  await time.advance(240_000);
  for (let count = 0; count < 10; count += 1) {
    expect(await Promise.all(caches.map((cache) => secretOf(cache.get(nymblKey, issue))))).toEqual(['old', 'old']);
    await time.advance(100);
  }
  expect(pending).toHaveLength(2);
  pending[1]?.resolve(serverToken('new', 300));
  await time.settle();
  await Promise.all(caches.map((cache) => cache.get(nymblKey, issue)));
  await time.advance(200);
  await Promise.all(caches.map((cache) => cache.get(nymblKey, issue)));
  await time.settle();
  expect(await Promise.all(caches.map((cache) => secretOf(cache.get(nymblKey, issue))))).toEqual(['new', 'new']);
  expect(pending).toHaveLength(2);
});

test('a background renewal is due again after 200 ms if another replica has the lease', async () => {
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
  await one.get(nymblKey, createCountingIssue());
  await other.get(nymblKey, createCountingIssue());
  await time.advance(240_000);
  const { issue } = createManualIssue();
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

test('replicas share a failure, and no replica calls the vendor before the cool-down ends', async () => {
  const { time, start } = createDeploymentInMemory();
  const caches = [start(), start(), start()];
  const { issue, pending } = createManualIssue();
  const asked = Promise.allSettled(caches.map((cache) => cache.get(nymblKey, issue)));
  await time.advance(100);
  pending[0]?.reject(down);
  await time.advance(100);
  const results = await asked;
  const failure = {
    status: 'rejected',
    reason: expect.objectContaining({ code: 'vendor_unavailable', message: 'Down.', cause: down.cause }),
  };
  expect(results).toEqual([failure, failure, failure]);
  await time.advance(800);
  const late = start();
  await expect(late.get(nymblKey, issue)).rejects.toMatchObject({ code: 'vendor_unavailable', retryAfterSeconds: 1 });
  expect(pending).toHaveLength(1);
  expect(late.stats()).toMatchObject({ failures: 0, issues: 0 });
});

test('the cool-down doubles with each failure, even if each time another replica called the vendor', async () => {
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

test('a replica extends its lease at each third of its life during its call to the vendor', async () => {
  const { time, records, start } = createDeploymentInMemory();
  const extendedAtMs: number[] = [];
  const startMs = time.monotonicMs();
  const one = start(
    {},
    {
      replace: (...request) => {
        extendedAtMs.push(time.monotonicMs() - startMs);
        return records.replace(...request);
      },
    },
  );
  const { issue, pending } = createManualIssue();
  const asked = one.get(nymblKey, issue);
  await time.advance(3500);
  expect(extendedAtMs).toEqual([1000, 2000, 3000]);
  pending[0]?.resolve(serverToken('one', 300));
  await asked;
  await time.advance(10_000);
  expect(extendedAtMs).toEqual([1000, 2000, 3000, 3500]);
});

/** Removes these leases from the store. */
async function removeLeases(records: RecordStore, leases: Map<string, string>): Promise<void> {
  for (const [id, value] of leases) await records.remove(id, value);
}

test('a replica that loses its lease cancels its call and reads the store again', async () => {
  const { time, records, start, events } = createDeploymentInMemory();
  const leases = new Map<string, string>();
  const add = (id: string, value: string, lifetimeMs: number) => {
    leases.set(id, value);
    return records.add(id, value, lifetimeMs);
  };
  const [one, other] = [start({}, { add }), start()];
  const { issue, pending } = createManualIssue();
  const asked = one.get(nymblKey, issue);
  await time.advance(100);
  await removeLeases(records, leases);
  const faster = createCountingIssue();
  await other.get(nymblKey, faster);
  await time.advance(1000);
  expect(pending[0]?.signal.aborted).toBe(true);
  expect(await secretOf(asked)).toBe('token-1');
  expect(pending).toHaveLength(1);
  expect(events.filter(({ type }) => type === 'lease_lost')).toHaveLength(1);
  expect(one.stats()).toMatchObject({ leaseLosses: 1, failures: 0 });
});

test('a replica that loses two leases in one renewal calls the vendor without a lease', async () => {
  const { time, records, start } = createDeploymentInMemory();
  const one = start({}, { replace: async () => false });
  const { issue, pending } = createManualIssue();
  const asked = one.get(nymblKey, issue);
  await time.advance(1000);
  await time.advance(3000);
  await time.advance(1000);
  await time.advance(3000);
  expect(pending.map(({ signal }) => signal.aborted)).toEqual([true, true, false]);
  pending[2]?.resolve(serverToken('alone', 300));
  expect(await secretOf(asked)).toBe('alone');
  expect((await records.read('none')).value).toBeUndefined();
  expect(await secretOf(start().get(nymblKey, createCountingIssue()))).toBe('alone');
});

test('a replica that lost its lease during the call returns its token, but does not write it into the store', async () => {
  const { time, records, start, events } = createDeploymentInMemory();
  const leases = new Map<string, string>();
  const add = (id: string, value: string, lifetimeMs: number) => {
    leases.set(id, value);
    return records.add(id, value, lifetimeMs);
  };
  const [one, other] = [start({}, { add }), start()];
  const { issue, pending } = createManualIssue();
  const asked = one.get(nymblKey, issue);
  await time.advance(100);
  await removeLeases(records, leases);
  await other.get(nymblKey, createCountingIssue());
  pending[0]?.resolve(serverToken('older', 300));
  expect(await secretOf(asked)).toBe('older');
  await time.settle();
  expect(events.filter(({ type }) => type === 'lease_lost')).toHaveLength(1);
  expect(await secretOf(start().get(nymblKey, createCountingIssue()))).toBe('token-1');
});

test('a replica that crashes blocks the others only until its lease expires', async () => {
  const { time, records, start } = createDeploymentInMemory();
  const dead = start({}, { replace: () => new Promise(() => undefined) });
  void dead.get(nymblKey, createManualIssue().issue).catch(() => undefined);
  await time.settle();
  const issue = createCountingIssue();
  const asked = start().get(nymblKey, issue);
  await time.advance(2999);
  expect(issue.calls).toBe(0);
  await time.advance(61);
  expect(await secretOf(asked)).toBe('token-1');
  expect((await records.read('none')).value).toBeUndefined();
});

test('a replica ignores a lease that another replica holds for longer than issueTimeoutMs and leaseMs', async () => {
  const { time, records, start } = createDeploymentInMemory();
  const stuck = start({ issueTimeoutMs: 3_600_000 });
  void stuck.get(nymblKey, createManualIssue().issue).catch(() => undefined);
  await time.settle();
  const issue = createCountingIssue();
  const asked = start().get(nymblKey, issue);
  await time.advance(13_000);
  expect(issue.calls).toBe(0);
  await time.advance(100);
  expect(await secretOf(asked)).toBe('token-1');
  expect((await records.read('none')).value).toBeUndefined();
  await stuck.close();
});

test('the time after which a replica ignores a lease begins again with each holder', async () => {
  const { time, start } = createDeploymentInMemory();
  const settings = { issueTimeoutMs: 10_000 };
  const [one, two] = [start(settings), start(settings)];
  const firstIssue = createManualIssue();
  void one.get(nymblKey, firstIssue.issue).catch(() => undefined);
  await time.settle();
  const waiting = createCountingIssue();
  const asked = start(settings).get(nymblKey, waiting);
  await time.advance(9000);
  await one.close();
  const secondIssue = createManualIssue();
  void two.get(nymblKey, secondIssue.issue).catch(() => undefined);
  await time.advance(9000);
  expect(waiting.calls).toBe(0);
  secondIssue.pending[0]?.resolve(serverToken('second', 300));
  await time.advance(100);
  expect(await secretOf(asked)).toBe('second');
});

test('invalidate with an old token does not remove the newer token from the store', async () => {
  const { time, start } = createDeploymentInMemory();
  const [one, other] = [start(), start()];
  const issue = createCountingIssue();
  const failed = await one.get(nymblKey, issue);
  await other.get(nymblKey, issue);
  await one.invalidate(nymblKey, failed);
  expect(await secretOf(one.get(nymblKey, issue))).toBe('token-2');
  await time.settle();
  expect(await other.invalidate(nymblKey, failed)).toBe(true);
  expect(await secretOf(other.get(nymblKey, issue))).toBe('token-2');
  expect(issue.calls).toBe(2);
});

test.each(['a replica that has the token', 'a replica that does not have it'])(
  'invalidate by %s removes the token from the store',
  async (reporter) => {
    const { start } = createDeploymentInMemory();
    const issue = createCountingIssue();
    const one = start();
    const refused = await one.get(nymblKey, issue);
    const hasToken = reporter === 'a replica that has the token';
    expect(await (hasToken ? one : start()).invalidate(nymblKey, refused)).toBe(hasToken);
    expect(await secretOf(start().get(nymblKey, issue))).toBe('token-2');
  },
);

test('a replica does not adopt a token that it dropped, even if the store still has it', async () => {
  const { records, start } = createDeploymentInMemory();
  const never = (): Promise<never> => new Promise(() => undefined);
  const one = start({}, { remove: (id, value) => (id.endsWith(':token') ? never() : records.remove(id, value)) });
  const issue = createCountingIssue();
  const failed = await one.get(nymblKey, issue);
  void one.invalidate(nymblKey, failed);
  expect(await secretOf(one.get(nymblKey, issue))).toBe('token-2');
});

test('invalidate that resolves to false for the current token leaves it in the store', async () => {
  const { time, start } = createDeploymentInMemory();
  const one = start();
  const issue = createCountingIssue();
  for (let count = 0; count < 6; count += 1) {
    await one.invalidate(nymblKey, await one.get(nymblKey, issue));
    await time.settle();
  }
  expect(await secretOf(start().get(nymblKey, issue))).toBe('token-6');
});

test('a replica waits after the vendor repeated a token to another replica', async () => {
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

test('each replica calls the vendor itself while the store fails, and no get fails', async () => {
  const { time, start, events } = createDeploymentInMemory();
  const refuse = async (): Promise<never> => {
    throw Object.assign(new Error('canary'), { code: 'READONLY' });
  };
  const broken = { read: refuse, write: refuse, add: refuse, replace: refuse, remove: refuse };
  const caches = [start({}, broken), start({}, broken)];
  const issue = createCountingIssue();
  const texts = await Promise.all(caches.map((cache) => secretOf(cache.get(nymblKey, issue))));
  expect(texts).toEqual(['token-1', 'token-2']);
  expect(caches[0]?.stats()).toMatchObject({ failures: 0, storeReachable: false, storeFailures: 1 });
  expect(events).toContainEqual({ type: 'store_down', reason: 'READONLY' });
  expect(time.pendingTimers()).toBe(0);
});

test('a store that hangs delays one get by its timeoutMs', async () => {
  const { time, start } = createDeploymentInMemory();
  const hang = (): Promise<never> => new Promise(() => undefined);
  const cache = start({}, { read: hang, add: hang, write: hang, replace: hang, remove: hang });
  const issue = createCountingIssue();
  const asked = cache.get(nymblKey, issue);
  await time.advance(249);
  expect(issue.calls).toBe(0);
  await time.advance(1);
  expect(await secretOf(asked)).toBe('token-1');
  expect(await secretOf(cache.get({ vendor: 'nymbl' }, issue))).toBe('token-2');
});

test('get returns a token, or the failure of the vendor, if the store refuses writes', async () => {
  const { start } = createDeploymentInMemory();
  const refuse = async (): Promise<never> => {
    throw Object.assign(new Error('canary'), { code: 'OOM' });
  };
  const cache = start({}, { write: refuse, add: refuse, replace: refuse, remove: refuse });
  expect(await secretOf(cache.get(nymblKey, createCountingIssue()))).toBe('token-1');
  const other = start({}, { write: refuse, add: refuse, replace: refuse, remove: refuse });
  await expect(other.get(nymblKey, () => Promise.reject(down))).rejects.toBe(down);
});

test('close releases the lease and closes the store', async () => {
  const { time, records, start } = createDeploymentInMemory();
  let closed = false;
  const one = start({}, { close: async () => void (closed = true) });
  const { issue } = createManualIssue();
  const asked = one.get(nymblKey, issue);
  await time.settle();
  const closing = one.close();
  await expect(asked).rejects.toMatchObject({ code: 'overloaded' });
  await closing;
  expect(closed).toBe(true);
  const other = start({}, { close: records.close });
  expect(await secretOf(other.get(nymblKey, createCountingIssue()))).toBe('token-1');
  await other.close();
  expect(await secretOf(start().get(nymblKey, createCountingIssue()))).toBe('token-1');
  expect(time.pendingTimers()).toBe(0);
});

test('close closes the store only after a write that is under way', async () => {
  const { time, records, start } = createDeploymentInMemory();
  const order: string[] = [];
  const cache = start(
    {},
    {
      write: async (...request) => {
        await new Promise<void>((resolve) => void time.after(100, resolve));
        await records.write(...request);
        order.push('written');
      },
      close: async () => void order.push('closed'),
    },
  );
  const issue = createCountingIssue();
  await cache.get(nymblKey, issue);
  const closing = cache.close();
  await time.advance(100);
  await closing;
  expect(order).toEqual(['written', 'closed']);
  await start().get(nymblKey, issue);
  expect(issue.calls).toBe(1);
});

test('close rejects a caller who waits for the token of another replica', async () => {
  const { time, start } = createDeploymentInMemory();
  const [one, other] = [start(), start()];
  void one.get(nymblKey, createManualIssue().issue).catch(() => undefined);
  await time.settle();
  const issue = createCountingIssue();
  const asked = other.get(nymblKey, issue);
  await time.advance(100);
  const closing = other.close();
  await expect(asked).rejects.toMatchObject({ code: 'overloaded', reason: 'closed' });
  await closing;
  expect(issue.calls).toBe(0);
});

test('the cache does not write a token into the store that a caller invalidated before', async () => {
  const { time, start } = createDeploymentInMemory();
  const one = start({
    onEvent: ({ type }) => {
      if (type === 'refresh') void one.invalidate(nymblKey, serverToken('refused'));
    },
  });
  const failing = one.get(nymblKey, async () => serverToken('refused', 300));
  await expect(failing).rejects.toMatchObject({ reason: 'life_too_short' });
  await time.settle();
  expect(await secretOf(start().get(nymblKey, createCountingIssue()))).toBe('token-1');
});

test.each(['read', 'add'] as const)(
  'close during a call to the store (%s) prevents the call to the vendor',
  async (call) => {
    const { time, records, start } = createDeploymentInMemory();
    const later = (): Promise<void> => new Promise((resolve) => void time.after(100, resolve));
    const slow = {
      read: (id: string) => later().then(() => records.read(id)),
      add: (id: string, value: string, lifetimeMs: number) => later().then(() => records.add(id, value, lifetimeMs)),
    };
    const cache = start({}, { [call]: slow[call] });
    const issue = createCountingIssue();
    const asked = cache.get(nymblKey, issue);
    await time.settle();
    const closing = cache.close();
    const [, refused] = await Promise.all([time.advance(1000), asked.catch((error: unknown) => error)]);
    expect(refused).toMatchObject({ code: 'overloaded', reason: 'closed' });
    await closing;
    expect(issue.calls).toBe(0);
    expect(await secretOf(start().get(nymblKey, createCountingIssue()))).toBe('token-1');
  },
);

test('close without a store prevents a call to the vendor that has not begun', async () => {
  const time = createVirtualTime();
  const cache = createTokenCache({ clock: time, timers: time });
  const issue = createCountingIssue();
  const asked = cache.get(nymblKey, issue);
  const [, refused] = await Promise.all([cache.close(), asked.catch((error: unknown) => error)]);
  expect(refused).toMatchObject({ code: 'overloaded', reason: 'closed' });
  expect(issue.calls).toBe(0);
});

test('the cool-down continues from the count of the replica if the store counted fewer failures', async () => {
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

test('a replica adopts a token only if it has the minimum life left that the caller needs', async () => {
  const { time, start } = createDeploymentInMemory();
  const issue = createCountingIssue();
  await start().get(nymblKey, issue);
  await time.advance(150_000);
  expect(await secretOf(start().get(nymblKey, issue, { minRemainingSeconds: 150 }))).toBe('token-1');
  expect(await secretOf(start().get(nymblKey, issue, { minRemainingSeconds: 151 }))).toBe('token-2');
  await time.advance(295_000);
  expect(await secretOf(start().get(nymblKey, issue, { minRemainingSeconds: 0 }))).toBe('token-2');
  expect(await secretOf(start().get(nymblKey, issue, { minRemainingSeconds: 5 }))).toBe('token-2');
  expect(await secretOf(start().get(nymblKey, issue))).toBe('token-3');
  expect(issue.calls).toBe(3);
});

test('a renewal gets a new token if the stored token has too little life for one of the waiting callers', async () => {
  for (const needs of [
    [0, undefined],
    [undefined, 0],
    [0, 20],
    [20, 0],
  ]) {
    const { time, start } = createDeploymentInMemory();
    const issue = createCountingIssue();
    await start().get(nymblKey, issue);
    await time.advance(295_000);
    const cache = start();
    const asked = needs.map((minRemainingSeconds) => cache.get(nymblKey, issue, { minRemainingSeconds }));
    expect(await Promise.all(asked.map(secretOf))).toEqual(['token-2', 'token-2']);
    expect(cache.stats()).toMatchObject({ waits: 2, issues: 1 });
  }
});

test('a replica that fails without a lease does not share its failure', async () => {
  const { time, records, start } = createDeploymentInMemory();
  const written: string[] = [];
  const alone = start(
    {},
    {
      add: () => Promise.reject(new Error('OOM')),
      replace: (...request) => {
        written.push(request[0]);
        return records.replace(...request);
      },
      remove: (...request) => {
        written.push(request[0]);
        return records.remove(...request);
      },
    },
  );
  await expect(alone.get(nymblKey, () => Promise.reject(down))).rejects.toBe(down);
  await time.settle();
  expect(written).toEqual([]);
});
