import type { ValetKeyError } from '@valetkey/core-types';
import type { JwtVerifierEvent } from '@valetkey/jwt-verify';
import type { TokenCacheEvent } from '@valetkey/token-cache';
import { collectDefaultMetrics, Counter, Registry } from 'prom-client';
import { createConfigMetrics, type ConfigMetrics } from './config-metrics.ts';

/** The counters that Prometheus collects from the admin listener. */
export interface Metrics extends ConfigMetrics {
  readonly countDecision: (decision: CountedDecision) => void;
  readonly countError: (error: ValetKeyError) => void;
  readonly countVendorEvent: (event: CountedVendorEvent) => void;
  readonly countIdentityEvent: (event: JwtVerifierEvent) => void;
  readonly countTokenEvent: (event: TokenCacheEvent) => void;
  readonly countStoreFailure: (store: 'database' | 'redis', reason: string) => void;
  /** Returns everything counted so far, in the Prometheus text format. */
  readonly render: () => Promise<string>;
  readonly contentType: string;
}

interface CountedDecision {
  readonly operation: string;
  /** Absent for a decision about every connection. */
  readonly connection?: string | undefined;
  /** Absent where no connection has this name. */
  readonly vendor?: string | undefined;
  readonly outcome: string;
}

interface CountedVendorEvent {
  readonly connection: string;
  readonly vendor: string;
  readonly type: string;
}

/**
 * Creates counters that start at zero. A connection that is not configured is counted as `unknown`, so that callers cannot
 * create labels. A decision about every connection has empty labels.
 */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name: `valetkey_${name}_total`, help, labelNames, registers: [registry] });

  const target = ['connection', 'vendor'] as const;
  const decisions = counter('decisions', 'Decisions, by outcome.', ['operation', ...target, 'outcome']);
  const problems = counter('problems', 'Failed requests, by error code and reason.', ['code', 'reason']);
  const vendorEvents = counter('vendor_events', 'Events of vendors: retries, circuit changes and switched secrets.', [
    ...target,
    'type',
  ]);
  const keyFetches = counter('identity_key_fetches', "Fetches of an identity provider's keys.", ['issuer', 'outcome']);
  const tokenEvents = counter(
    'token_cache_events',
    'Events of the token cache, which holds server tokens and account-bound client tokens, and of its Redis store.',
    [...target, 'type'],
  );
  const storeFailures = counter('store_failures', 'Failed calls to the database and to Redis, by reason.', [
    'store',
    'reason',
  ]);

  return {
    ...createConfigMetrics(registry),
    countDecision: ({ operation, connection = '', vendor, outcome }) => {
      const isUnknown = vendor === undefined && connection !== '';
      const target = isUnknown ? { connection: 'unknown', vendor: 'unknown' } : { connection, vendor: vendor ?? '' };
      decisions.inc({ operation, ...target, outcome });
    },
    countError: ({ code, reason = '' }) => problems.inc({ code, reason }),
    countVendorEvent: ({ connection, vendor, type }) => vendorEvents.inc({ connection, vendor, type }),
    countIdentityEvent: ({ issuer, type }) => {
      if (type === 'keys_fetched') keyFetches.inc({ issuer, outcome: 'succeeded' });
      if (type === 'keys_fetch_failed') keyFetches.inc({ issuer, outcome: 'failed' });
    },
    countTokenEvent: (event) => {
      const { vendor = '', connection = vendor } = 'key' in event ? event.key : {};
      tokenEvents.inc({ connection, vendor, type: event.type });
    },
    countStoreFailure: (store, reason) => storeFailures.inc({ store, reason }),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
