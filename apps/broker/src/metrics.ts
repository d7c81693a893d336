import type { ValetKeyError, VendorEvent } from '@valetkey/core-types';
import type { JwtVerifierEvent } from '@valetkey/jwt-verify';
import type { TokenCacheEvent } from '@valetkey/token-cache';
import { collectDefaultMetrics, Counter, Registry } from 'prom-client';
import type { Decision } from './store.ts';

/** What the broker counts, for Prometheus to collect from the admin listener. */
export interface Metrics {
  readonly countDecision: (decision: Decision) => void;
  readonly countProblem: (error: ValetKeyError) => void;
  readonly countVendorEvent: (event: VendorEvent) => void;
  readonly countIdentityEvent: (event: JwtVerifierEvent) => void;
  readonly countTokenEvent: (event: TokenCacheEvent) => void;
  /** Everything counted so far, in the Prometheus text format. */
  readonly render: () => Promise<string>;
  readonly contentType: string;
}

/** Makes counters that start at nothing. Labels are words of ours alone, so that no caller can make new ones. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name: `valetkey_${name}_total`, help, labelNames, registers: [registry] });

  const decisions = counter('decisions', 'Decisions about callers, by what came of them.', [
    'operation',
    'vendor',
    'outcome',
  ]);
  const problems = counter('problems', 'Failures answered to callers, by code and by the word for why.', [
    'code',
    'reason',
  ]);
  const vendorEvents = counter('vendor_events', 'Retries, circuits and switched secrets of the vendors.', [
    'vendor',
    'type',
  ]);
  const keyFetches = counter('identity_key_fetches', "Fetches of an identity provider's keys.", ['issuer', 'outcome']);
  const tokenEvents = counter('server_token_events', 'What happened to the server tokens.', ['vendor', 'type']);

  return {
    // The vendor of an unknown one is whatever the caller wrote.
    countDecision: ({ operation, vendor, outcome }) =>
      decisions.inc({ operation, vendor: outcome === 'unknown_vendor' ? 'unknown' : vendor, outcome }),
    countProblem: ({ code, reason = '' }) => problems.inc({ code, reason }),
    countVendorEvent: ({ vendor, type }) => vendorEvents.inc({ vendor, type }),
    countIdentityEvent: ({ issuer, type }) =>
      keyFetches.inc({ issuer, outcome: type === 'keys_fetched' ? 'succeeded' : 'failed' }),
    countTokenEvent: (event) => tokenEvents.inc({ vendor: 'key' in event ? event.key.vendor : '', type: event.type }),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
