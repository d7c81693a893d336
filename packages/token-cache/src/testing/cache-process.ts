import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import { Secret, type ServerToken } from '@valetkey/core-types';
import { createTokenCache, type TokenCache } from '../index.ts';
import { createRedisStore } from '../redis.ts';
import { nymblKey } from './server-token.ts';

/** The settings of one process of a deployment. */
export interface ProcessSettings {
  readonly redisUrl: string;
  readonly prefix: string;
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string;
  readonly lifetimeSeconds: number;
  readonly refreshMarginSeconds: number;
  readonly leaseMs: number;
}

/** An order of a test to a process. The process sends one report for each order, except for `close`. */
export type ProcessOrder =
  /** Get the token this many times concurrently. */
  | { readonly type: 'get'; readonly gets: number }
  /** Repeat this order's `gets` every `everyMs` milliseconds, for `forMs` milliseconds. */
  | { readonly type: 'keep-getting'; readonly gets: number; readonly everyMs: number; readonly forMs: number }
  /** Advance the monotonic clock of the cache. */
  | { readonly type: 'advance'; readonly milliseconds: number }
  | { readonly type: 'close' };

/** The results of one order. Moments are milliseconds of the machine's wall clock. */
export interface ProcessReport {
  /** How many gets returned each token. */
  readonly tokens: Readonly<Record<string, number>>;
  readonly errors: readonly string[];
  /** The shortest life, in seconds, that a returned token had left. */
  readonly minRemainingSeconds: number;
  /** The calls to the vendor since the process started. */
  readonly issues: readonly { readonly token: string | undefined; readonly startMs: number }[];
  readonly lastServedMs: Readonly<Record<string, number>>;
  readonly slowestGetMs: number;
  /** The longest delay of the event loop, measured with a timer that does nothing else. */
  readonly eventLoopDelayMs: number;
}

/** A message of a process to the test. */
export type ProcessMessage =
  | { readonly type: 'ready' | 'issue' }
  | { readonly type: 'report'; readonly report: ProcessReport };

type Writable<Value> = { -readonly [Name in keyof Value]: Value[Name] };

/** Returns the end of a token for a report: enough to distinguish tokens, too little to use one. */
function shortName(token: string): string {
  return token.slice(-16);
}

function send(message: ProcessMessage): void {
  process.send?.(message);
}

function serve(settings: ProcessSettings): void {
  let offsetMs = 0;
  const issues: IssueRecord[] = [];
  const issue = createIssue(settings, issues);
  const sealingKeys = [{ id: 'test', secret: new Secret('sandbox-only-sealing-key-of-32-characters') }];
  const cache = createTokenCache({
    // The deadlines are long, so that a busy machine delays a test and does not fail it.
    store: createRedisStore({ url: settings.redisUrl, prefix: settings.prefix, sealingKeys, timeoutMs: 30_000 }),
    issueTimeoutMs: 60_000,
    leaseMs: settings.leaseMs,
    maxLifetimeSeconds: settings.lifetimeSeconds,
    refreshMarginSeconds: settings.refreshMarginSeconds,
    clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() + offsetMs },
  });

  async function run(order: ProcessOrder): Promise<ProcessReport> {
    const tokens: Record<string, number> = {};
    const errors: string[] = [];
    const lastServedMs: Record<string, number> = {};
    const report: Writable<ProcessReport> = {
      tokens,
      errors,
      minRemainingSeconds: Number.MAX_SAFE_INTEGER,
      issues,
      lastServedMs,
      slowestGetMs: 0,
      eventLoopDelayMs: 0,
    };

    async function get(): Promise<void> {
      const startMs = performance.now();
      try {
        const token = await cache.get(nymblKey, issue);
        const name = shortName(token.secret.reveal());
        tokens[name] = (tokens[name] ?? 0) + 1;
        lastServedMs[name] = Date.now();
        report.minRemainingSeconds = Math.min(report.minRemainingSeconds, token.expiresInSeconds ?? 0);
      } catch (error) {
        errors.push(String(error));
      }
      report.slowestGetMs = Math.max(report.slowestGetMs, performance.now() - startMs);
    }

    if (order.type === 'advance') offsetMs += order.milliseconds;
    if (order.type === 'get') await Promise.all(Array.from({ length: order.gets }, get));
    if (order.type === 'keep-getting') report.eventLoopDelayMs = await keepGetting(order, get);
    return report;
  }

  process.on('message', (order: ProcessOrder) => {
    if (order.type === 'close') void close(cache);
    else void run(order).then((report) => send({ type: 'report', report }));
  });
  // The test has ended.
  process.on('disconnect', () => process.exit());
  send({ type: 'ready' });
}

interface IssueRecord {
  token: string | undefined;
  readonly startMs: number;
}

/** Creates an `issue` function that calls the token endpoint and records each call. */
function createIssue({ tokenUrl, clientId, clientSecret, scope }: ProcessSettings, issues: IssueRecord[]) {
  return async ({ signal }: { readonly signal: AbortSignal }): Promise<ServerToken> => {
    const record: IssueRecord = { token: undefined, startMs: Date.now() };
    issues.push(record);
    send({ type: 'issue' });
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      scope,
    });
    const response = await fetch(tokenUrl, { method: 'POST', body, signal });
    const { access_token, expires_in } = (await response.json()) as { access_token: string; expires_in: number };
    record.token = shortName(access_token);
    return { kind: 'server', vendor: 'nymbl', secret: new Secret(access_token), expiresInSeconds: expires_in };
  };
}

/** Gets tokens for `forMs` milliseconds and returns the longest delay of the event loop in that time. */
async function keepGetting(
  { gets, everyMs, forMs }: ProcessOrder & { readonly type: 'keep-getting' },
  get: () => Promise<void>,
): Promise<number> {
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  const endMs = Date.now() + forMs;
  do {
    const nextMs = Date.now() + everyMs;
    await Promise.all(Array.from({ length: gets }, get));
    await new Promise((resolve) => void setTimeout(resolve, Math.max(0, nextMs - Date.now())));
  } while (Date.now() < endMs);
  delays.disable();
  return delays.max / 1e6;
}

async function close(cache: TokenCache): Promise<void> {
  await cache.close();
  process.disconnect();
}

serve(JSON.parse(process.argv[2] ?? '') as ProcessSettings);
