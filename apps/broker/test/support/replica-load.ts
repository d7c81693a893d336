import { Agent, request } from 'undici';
import type { Replicas } from './replicas.ts';

const perSecond = 500;
const tickMs = 10;
/** A client that gets no responses sends no more requests than this. nginx has 512 connections, two for each request. */
const maxInFlight = 200;

/** The operations that the load requests. */
export type Operation = 'issue' | 'proxy';

/** What became of one request. */
export interface Outcome {
  readonly requestId: string;
  readonly operation: Operation;
  readonly subject: string;
  /** 0: the TCP connection failed. */
  readonly status: number;
  /** The broker's error code, or `nginx` if no broker responded. */
  readonly code: string;
  /** On the clock of `performance`. */
  readonly endedAt: number;
}

/** Returns a function that returns numbers from 0 up to, but without, a limit: the same ones for the same seed (mulberry32). */
export function createRandom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** Sends requests at a steady rate, for a new principal with every tenth request. Each sends several at nearly the same time. */
export function startLoad({ url, sandbox }: Replicas, random: (limit: number) => number) {
  const dispatcher = new Agent({ connections: maxInFlight, headersTimeout: 0, bodyTimeout: 0 });
  const outcomes: Outcome[] = [];
  const running = new Set<Promise<void>>();
  const tokens = new Map<string, Promise<string>>();
  const send = async (index: number): Promise<void> => {
    const operation = random(5) === 0 ? 'proxy' : 'issue';
    const subject = `user-${Math.max(0, Math.floor(index / 10) - random(30))}`;
    const requestId = `soak-${String(index).padStart(6, '0')}`;
    const token = tokens.get(subject) ?? sandbox.mintUserToken({ sub: subject, algorithm: 'ES256' });
    tokens.set(subject, token);
    const path = operation === 'issue' ? '/v1/vendors/vital/token' : '/v1/vendors/nymbl/proxy/Patients';
    const record = (status: number, code: string) =>
      outcomes.push({ requestId, operation, subject, status, code, endedAt: performance.now() });
    try {
      const { statusCode, headers, body } = await request(url + path, {
        method: operation === 'issue' ? 'POST' : 'GET',
        headers: { authorization: `Bearer ${await token}`, 'x-request-id': requestId },
        dispatcher,
      });
      const text = await body.text();
      const isOfBroker = headers['valet-key'] !== undefined;
      record(statusCode, isOfBroker ? (/"code":"(\w+)"/.exec(text)?.[1] ?? 'none') : 'nginx');
    } catch {
      record(0, 'connection');
    }
  };
  const startedAt = performance.now();
  let sent = 0;
  let skipped = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1_000) * perSecond;
    while (sent + skipped < due) {
      if (running.size >= maxInFlight) {
        skipped += 1;
        continue;
      }
      const call = send(sent).finally(() => running.delete(call));
      running.add(call);
      sent += 1;
    }
  }, tickMs);
  return {
    /** Resolves when every request that was sent before has its outcome. */
    settle: () => Promise.all(running),
    stop: async () => {
      clearInterval(timer);
      await Promise.all(running);
      await dispatcher.destroy();
      return { outcomes, sent, skipped };
    },
  };
}

export type Load = ReturnType<typeof startLoad>;
