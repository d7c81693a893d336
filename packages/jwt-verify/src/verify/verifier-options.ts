import type { Clock, IssuerOptions } from '@valetkey/core-types';
import { issuerSchema, systemClock } from '@valetkey/core-types';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { JwtVerifierEvent } from '../keys/key-events.ts';
import { createMemoryReplayStore, type ReplayStore } from '../dpop/replay-store.ts';

/** What {@link createJwtVerifier} takes. */
export interface JwtVerifierOptions {
  /** The identity providers whose tokens are accepted. */
  readonly issuers: readonly IssuerOptions[];
  /** Makes the calls to identity providers, instead of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Where time comes from. */
  readonly clock?: Clock | undefined;
  /** A number from 0 up to 1, for jitter. Default is `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Told of each fetch of keys. What it throws is ignored. */
  readonly onEvent?: ((event: JwtVerifierEvent) => void) | undefined;
  /** The memory of verified tokens; `null` for none. */
  readonly cache?:
    | {
        /** Tokens kept at the most. Default is 10,000. */
        readonly maxEntries?: number | undefined;
        /** Bytes of memory at the most, roughly. Default is 67,108,864 (64 MiB). */
        readonly maxBytes?: number | undefined;
        /** Seconds after which a token is verified anew, even before its `exp`. Default is 300. */
        readonly maxAgeSeconds?: number | undefined;
      }
    | null
    | undefined;
  /** Characters of the longest token accepted. Default is 16,384. */
  readonly maxTokenLength?: number | undefined;
  /** Milliseconds for one call to an identity provider, body included. Default is 5000 (5 seconds). */
  readonly fetchTimeoutMs?: number | undefined;
  /** Bytes of one answer of an identity provider, after decompression. Default is 1,048,576 (1 MiB). */
  readonly fetchMaxBytes?: number | undefined;
  /** Where used DPoP proofs are remembered. Default is the memory of this process. */
  readonly replayStore?: ReplayStore | undefined;
  /** At least 32 bytes that DPoP nonces are made with; give all replicas the same. Default is random. */
  readonly dpopNonceKey?: Uint8Array | undefined;
  /** Revocations remembered at the most; beyond, `revoke` throws `overloaded`. Default is 100,000. */
  readonly maxRevocations?: number | undefined;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const functionSchema = <Type>() => z.custom<Type>(isFunction, { error: 'must be a function' });

const optionsSchema = z.strictObject({
  issuers: z.array(issuerSchema).min(1),
  fetch: functionSchema<typeof globalThis.fetch>().default(() => globalThis.fetch),
  clock: z
    .custom<Clock>((value) => isFunction((value as Clock).nowMs) && isFunction((value as Clock).monotonicMs), {
      error: 'must have nowMs and monotonicMs',
    })
    .default(systemClock),
  random: functionSchema<() => number>().default(() => Math.random),
  onEvent: functionSchema<(event: JwtVerifierEvent) => void>().default(() => () => {}),
  cache: z
    .strictObject({
      maxEntries: z.int().min(1).default(10_000),
      maxBytes: z.int().min(1).default(67_108_864),
      maxAgeSeconds: z.number().positive().default(300),
    })
    .nullable()
    .prefault({}),
  maxTokenLength: z.int().min(128).max(1_048_576).default(16_384),
  fetchTimeoutMs: z.number().positive().max(60_000).default(5000),
  fetchMaxBytes: z.int().positive().default(1_048_576),
  replayStore: z
    .custom<ReplayStore>((value) => isFunction((value as ReplayStore).add), { error: 'must have add' })
    .optional(),
  dpopNonceKey: z
    .instanceof(Uint8Array)
    .refine((key) => key.length >= 32, { error: 'must have at least 32 bytes' })
    .default(() => randomBytes(32)),
  maxRevocations: z.int().min(1).default(100_000),
});

/** The options with their defaults filled in. */
export type VerifierSettings = Omit<z.output<typeof optionsSchema>, 'replayStore'> & {
  readonly replayStore: ReplayStore;
};

/**
 * Validates the options of a verifier.
 *
 * @throws {TypeError} With the path of each mistake, never its value.
 */
export function readOptions(options: JwtVerifierOptions): VerifierSettings {
  const { success, data, error } = optionsSchema.safeParse(options);
  if (!success) throw new TypeError(`createJwtVerifier: ${z.prettifyError(error)}`);
  const { issuers } = data;
  if (new Set(issuers.map(({ issuer }) => issuer)).size !== issuers.length) {
    throw new TypeError('createJwtVerifier: each issuer has one record; put all audiences into it.');
  }
  const opaque = issuers.filter(({ introspection, resolver }) => introspection !== undefined || resolver !== undefined);
  if (opaque.length > 1) {
    // Which of them issued an opaque token cannot be seen, and no provider may be shown another's tokens.
    throw new TypeError('createJwtVerifier: only one issuer may have introspection or a resolver.');
  }
  return { ...data, replayStore: data.replayStore ?? createMemoryReplayStore(data.clock) };
}
