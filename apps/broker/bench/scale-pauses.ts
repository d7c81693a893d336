import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '@valetkey/core-types';
import { createAuditKey } from '../src/audit/audit-key.ts';
import { forgetDecisions } from '../src/audit/forget.ts';
import { startRetention } from '../src/audit/retention.ts';
import type { Store } from '../src/storage/store.ts';
import { createLogger } from '../src/telemetry/logger.ts';
import { createDecision, findKnown, type Subject } from './scale-cases.ts';
import { busyPrincipal } from './scale-fill.ts';

/** The worst waits while some work ran. In milliseconds. */
export interface Pauses {
  readonly name: string;
  readonly rows: number;
  readonly seconds: number;
  readonly loopMs: number;
  readonly readMs: number;
  readonly recordMs: number;
  /** The time that 99 of 100 decisions took at most. */
  readonly usualRecordMs: number;
}

/** Records decisions and looks up vendor users until the work ends. Returns how long the slowest of them took. */
async function measureDuring(
  name: string,
  subject: Subject,
  work: (signal: AbortSignal) => Promise<number>,
  maxSeconds: number,
): Promise<Pauses> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const reads: number[] = [];
  const records: number[] = [];
  const timed = async (times: number[], run: () => Promise<unknown>): Promise<void> => {
    const startedAt = performance.now();
    await run();
    times.push(performance.now() - startedAt);
  };
  const ended = new AbortController();
  delay.enable();
  const startedAt = performance.now();
  const state = { isWorking: true };
  const working = work(ended.signal).finally(() => (state.isWorking = false));
  for (let index = 0; state.isWorking; index += 1) {
    if (performance.now() - startedAt > maxSeconds * 1000) ended.abort();
    await timed(reads, () => findKnown(subject, index));
    await timed(records, () => subject.store.recordDecisions([createDecision(subject, index)]));
    await sleep(5);
  }
  delay.disable();
  return {
    name,
    rows: await working,
    seconds: (performance.now() - startedAt) / 1000,
    loopMs: delay.max / 1e6,
    readMs: Math.max(...reads),
    recordMs: Math.max(...records),
    usualRecordMs: records.toSorted((left, right) => left - right)[Math.floor(records.length * 0.99)] ?? Number.NaN,
  };
}

/** Deletes the decisions of the first tenth of the time. */
function deleteOld(store: Store, beforeMs: number) {
  return async (signal: AbortSignal): Promise<number> => {
    let deleted = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const watched: Store = {
      ...store,
      cutChain: async (checkpoint, from) => {
        await store.cutChain(checkpoint, from);
        deleted += checkpoint.sequence - (from ?? 0);
      },
      deleteDecisions: async (part) => {
        const result = await store.deleteDecisions(part);
        deleted += result.deleted;
        if (result.next === undefined) resolve();
        return result;
      },
    };
    const dayMs = 86_400_000;
    const clock = { ...systemClock, nowMs: () => beforeMs + dayMs };
    const logger = createLogger('silent');
    const end = startRetention(1, { store: watched, clock, logger, key: createAuditKey('a key') });
    signal.addEventListener('abort', () => resolve());
    await promise;
    end();
    return deleted;
  };
}

/** Measures the waits without other work, during retention, and while a person with many decisions is forgotten. */
export async function measurePauses(subject: Subject, report: (pauses: Pauses) => void): Promise<readonly Pauses[]> {
  const { store, endMs } = subject;
  const all: Pauses[] = [];
  const measure = async (name: string, work: (signal: AbortSignal) => Promise<number>, maxSeconds: number) => {
    const pauses = await measureDuring(name, subject, work, maxSeconds);
    all.push(pauses);
    report(pauses);
  };
  const idle = (signal: AbortSignal): Promise<number> =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(0)));
  await measure('nothing else', idle, 10);
  await measure('retention', deleteOld(store, endMs - 81 * 86_400_000), 150);
  await measure(
    'forget a person',
    () => forgetDecisions(busyPrincipal, { store, clock: systemClock, key: createAuditKey('a key') }),
    60,
  );
  return all;
}
