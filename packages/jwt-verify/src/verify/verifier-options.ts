import { randomBytes } from 'node:crypto';
import {
  describeSchemaProblems,
  formsOverlap,
  issuerSchema,
  systemClock,
  type Clock,
  type Issuer,
  type IssuerOptions,
} from '@valetkey/core-types';
import { z } from 'zod';
import { createMemoryReplayStore, type ReplayStore } from '../dpop/replay-store.ts';
import type { JwtVerifierEvent } from '../keys/key-events.ts';
import { findStaticKeyProblem } from '../keys/static-key-source.ts';
import type { JwtVerifier } from './jwt-verifier.ts';

/** The options of {@link createJwtVerifier}. */
export interface JwtVerifierOptions {
  /** The identity providers whose tokens are accepted. */
  readonly issuers: readonly IssuerOptions[];
  /** The function that calls identity providers. Default: the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** The functions that call single identity providers instead of `fetch`, by `issuer`, such as with a client certificate. */
  readonly fetchByIssuer?: ReadonlyMap<string, typeof globalThis.fetch> | undefined;
  /** The source of time. Default: the clock of this machine. */
  readonly clock?: Clock | undefined;
  /** Returns a number from 0 up to 1, for jitter. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Receives an event for each fetch of keys. An error that it throws is ignored. */
  readonly onEvent?: ((event: JwtVerifierEvent) => void) | undefined;
  /** The cache of verified tokens; `null` disables it. */
  readonly cache?:
    | {
        /** The largest number of tokens. Default: 10,000. */
        readonly maxEntries?: number | undefined;
        /** The largest size in bytes of memory, by estimate. Default: 67,108,864 (64 MiB). */
        readonly maxBytes?: number | undefined;
        /** Seconds after which a token is verified anew, even before its `exp`. Default: 300. */
        readonly maxAgeSeconds?: number | undefined;
      }
    | null
    | undefined;
  /** The longest token that is accepted, in characters. Default: 16,384. */
  readonly maxTokenLength?: number | undefined;
  /** Milliseconds for one call to an identity provider, body included. Default: 5000 (5 seconds). */
  readonly fetchTimeoutMs?: number | undefined;
  /** The largest response of an identity provider in bytes, after decompression. Default: 1,048,576 (1 MiB). */
  readonly fetchMaxBytes?: number | undefined;
  /** Remembers used DPoP proofs. Default: the memory of this process. */
  readonly replayStore?: ReplayStore | undefined;
  /** At least 32 bytes, from which DPoP nonces are derived. All replicas need the same bytes. Default: random bytes. */
  readonly dpopNonceKey?: Uint8Array | undefined;
  /** The largest number of revocations. `revoke` throws `overloaded` for any further one. Default: 100,000. */
  readonly maxRevocations?: number | undefined;
  /**
   * The verifier that this one replaces, such as after a change of the configuration. An issuer with the same record, `fetch`
   * and limits keeps its keys and its verified tokens, and its events still go to the `onEvent` that it had. Revocations,
   * remembered proofs and the nonce key are kept unless the options have others. Close the replaced verifier later: what
   * the two share works until both are closed.
   */
  readonly replaces?: JwtVerifier | undefined;
}

/** Parses all issuers of a verifier: first each issuer, and then the rules between them. */
const issuersSchema = z
  .array(issuerSchema)
  .min(1)
  .superRefine((issuers, context) => {
    const report = (message: string, path: PropertyKey[] = []): void => {
      context.addIssue({ code: 'custom', message, path });
    };
    if (issuers.some((issuer, index) => issuers.slice(0, index).some((other) => haveSharedForm(issuer, other)))) {
      report(
        'each issuer may have only one record, also under its other forms and as a tenant; put all its audiences into that record',
      );
    }
    if (issuers.filter(looksUpTokens).length > 1) {
      // An opaque token does not name its issuer, and a provider must not receive the tokens of another provider.
      report('only one issuer may have introspection or a resolver');
    }
    for (const [index, { jwks }] of issuers.entries()) {
      const problem = jwks && findStaticKeyProblem(jwks);
      if (problem !== undefined) report(`has keys that cannot be used (${problem})`, [index, 'jwks']);
    }
  });

/** Returns whether some `iss` would have two records. */
function haveSharedForm(one: Issuer, other: Issuer): boolean {
  const [forms, others] = [one, other].map(({ issuer, otherForms }) => [issuer, ...otherForms]) as [string[], string[]];
  return forms.some((form) => others.some((otherForm) => formsOverlap(form, otherForm)));
}

function looksUpTokens({ introspection, resolver }: Issuer): boolean {
  return introspection !== undefined || resolver !== undefined;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const functionSchema = <Type>() => z.custom<Type>(isFunction, { error: 'must be a function' });

const optionsSchema = z.strictObject({
  issuers: issuersSchema,
  fetch: functionSchema<typeof globalThis.fetch>().default(() => globalThis.fetch),
  fetchByIssuer: z.map(z.string(), functionSchema<typeof globalThis.fetch>()).default(() => new Map()),
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
    .optional(),
  maxRevocations: z.int().min(1).default(100_000),
  replaces: z
    .custom<JwtVerifier>((value) => isFunction((value as JwtVerifier).verify), { error: 'must be a verifier' })
    .optional(),
});

/** Parses all options together. */
const combinedSchema = optionsSchema.refine(
  ({ issuers, fetchByIssuer }) =>
    [...fetchByIssuer.keys()].every((name) => issuers.some(({ issuer }) => issuer === name)),
  { error: 'names an issuer that has no record', path: ['fetchByIssuer'] },
);

/** The options with their defaults filled in. */
export type VerifierSettings = Omit<z.output<typeof optionsSchema>, 'replayStore' | 'dpopNonceKey' | 'replaces'> & {
  readonly replayStore: ReplayStore;
  readonly dpopNonceKey: Uint8Array;
};

/** What a verifier uses of the settings of the verifier that it replaces, where its options say nothing. */
type InheritedSettings = Pick<VerifierSettings, 'replayStore' | 'dpopNonceKey'>;

/** Parses a value. Throws a `TypeError` that names each mistake by its field, never by its value. */
function parse<Output>(schema: z.ZodType<Output>, value: unknown): Output {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  throw new TypeError(describeSchemaProblems(error, schema, value));
}

/** Parses the options of a verifier. Throws a `TypeError` if one is not valid. */
export function parseVerifierOptions(options: JwtVerifierOptions, inherited?: InheritedSettings): VerifierSettings {
  const { replaces: _replaces, ...settings } = parse(combinedSchema, options);
  const { replayStore, dpopNonceKey } = inherited ?? {
    replayStore: settings.replayStore ?? createMemoryReplayStore(settings.clock),
    dpopNonceKey: randomBytes(32),
  };
  return {
    ...settings,
    replayStore: settings.replayStore ?? replayStore,
    dpopNonceKey: settings.dpopNonceKey ?? dpopNonceKey,
  };
}

/**
 * Parses issuers as {@link createJwtVerifier} does, without creating a verifier and without any call.
 *
 * @throws {TypeError} If an issuer is not valid, or if the issuers cannot be combined. The message names each field
 *   (`issuers.0.audiences`), never its value.
 *
 * @example
 * ```ts
 * import { parseIssuers } from '@valetkey/jwt-verify';
 *
 * const [issuer] = parseIssuers([{ issuer: 'https://id.example.com', audiences: ['https://api.example.com'] }]);
 * issuer?.tokenType; // 'access'
 * ```
 */
export function parseIssuers(issuers: readonly IssuerOptions[]): Issuer[] {
  return parse(optionsSchema.pick({ issuers: true }), { issuers }).issuers;
}
