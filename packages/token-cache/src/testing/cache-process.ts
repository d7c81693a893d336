import process from 'node:process';
import { Secret, type ServerToken } from '@valetkey/core-types';
import { createTokenCache, type TokenCacheEvent } from '../index.ts';
import { createRedisStore } from '../redis.ts';
import { nymblKey } from './server-token.ts';

/** What a test tells a process of the simulated deployment. */
export interface ProcessSettings {
  readonly redisUrl: string;
  readonly prefix: string;
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string;
  readonly lifetimeSeconds: number;
  readonly refreshMarginSeconds: number;
  readonly timeoutMs: number;
}

/** Asks for so many tokens at once, again and again. */
export interface ProcessOrder {
  readonly gets: number;
  readonly forMs: number;
  readonly everyMs: number;
}

/** What a process saw while it followed an order. Moments are milliseconds of the machine's clock. */
export interface ProcessReport {
  readonly answered: number;
  readonly errors: readonly string[];
  readonly issues: readonly { readonly token: string | undefined; readonly startMs: number; readonly endMs: number }[];
  readonly lastServedMs: Readonly<Record<string, number>>;
  readonly shortestSeconds: number;
  readonly slowestMs: number;
  readonly events: Readonly<Record<string, number>>;
}

/** What is left of a token in a report: enough to tell one from another, too little to use. */
const shortName = (token: string): string => token.slice(-16);

const serve = (settings: ProcessSettings): void => {
  const issues: { token: string | undefined; startMs: number; endMs: number }[] = [];
  const events: Record<string, number> = {};
  const sealingKeys = [{ id: 'test', secret: new Secret('sandbox-only-sealing-key-of-32-characters') }];
  const cache = createTokenCache({
    store: createRedisStore({
      url: settings.redisUrl,
      prefix: settings.prefix,
      sealingKeys,
      timeoutMs: settings.timeoutMs,
    }),
    maxLifetimeSeconds: settings.lifetimeSeconds,
    refreshMarginSeconds: settings.refreshMarginSeconds,
    onEvent: (event: TokenCacheEvent) => {
      events[event.type] = (events[event.type] ?? 0) + 1;
    },
  });

  const issue = async ({ signal }: { readonly signal: AbortSignal }): Promise<ServerToken> => {
    const seen: (typeof issues)[number] = { token: undefined, startMs: Date.now(), endMs: Number.POSITIVE_INFINITY };
    issues.push(seen);
    process.send?.({ type: 'issue' });
    const { clientId, clientSecret, scope } = settings;
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      scope,
    });
    const response = await fetch(settings.tokenUrl, { method: 'POST', body, signal });
    const answer = (await response.json()) as { access_token: string; expires_in: number };
    seen.token = shortName(answer.access_token);
    seen.endMs = Date.now();
    return {
      kind: 'server',
      vendor: 'nymbl',
      secret: new Secret(answer.access_token),
      expiresInSeconds: answer.expires_in,
    };
  };

  const follow = async ({ gets, forMs, everyMs }: ProcessOrder): Promise<ProcessReport> => {
    const endMs = Date.now() + forMs;
    const errors: string[] = [];
    const lastServedMs: Record<string, number> = {};
    let answered = 0;
    let shortestSeconds = Number.POSITIVE_INFINITY;
    let slowestMs = 0;
    const get = async (): Promise<void> => {
      const startMs = performance.now();
      try {
        const token = await cache.get(nymblKey, issue);
        answered += 1;
        lastServedMs[shortName(token.secret.reveal())] = Date.now();
        shortestSeconds = Math.min(shortestSeconds, token.expiresInSeconds ?? 0);
      } catch (error) {
        errors.push(String(error));
      }
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
    };
    do {
      const nextMs = Date.now() + everyMs;
      await Promise.all(Array.from({ length: gets }, get));
      await new Promise((resolve) => void setTimeout(resolve, Math.max(0, nextMs - Date.now())));
    } while (Date.now() < endMs);
    return { answered, errors: errors.slice(0, 5), issues, lastServedMs, shortestSeconds, slowestMs, events };
  };

  process.on('message', (order: ProcessOrder | 'close') => {
    if (order === 'close') void cache.close().then(() => process.disconnect());
    else void follow(order).then((report) => process.send?.({ type: 'report', report }));
  });
  // Whoever gave the orders is gone, and took the reason to run along.
  process.on('disconnect', () => process.exit());
  process.send?.({ type: 'ready' });
};

serve(JSON.parse(process.argv[2] ?? '') as ProcessSettings);
