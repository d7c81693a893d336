import type { Clock } from '@valetkey/core-types';
import { z } from 'zod';
import type { AuthgearOptions } from './authgear.ts';
import type { Sleep } from './deliver.ts';
import { parseStrictly } from './parse.ts';
import type { NablaOptions } from './nabla.ts';
import type { NudgeOptions } from './nudge.ts';
import type { NymblOptions } from './nymbl.ts';
import type { VitalOptions } from './vital.ts';

/** How a sandbox differs from its default. */
export interface SandboxOptions {
  /** Default: `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Default: 0, any port that is free. */
  readonly port?: number | undefined;
  /** Decides what has expired. Default: this machine's clock. */
  readonly clock?: Clock | undefined;
  /** Decides which calls a fault's probability strikes. Default: a seeded stream, the same in each run. */
  readonly random?: (() => number) | undefined;
  /** Carries out the `latency` and `drip` faults. Default: timers. */
  readonly sleep?: Sleep | undefined;
  readonly nabla?: NablaOptions | undefined;
  readonly nudge?: NudgeOptions | undefined;
  readonly nymbl?: NymblOptions | undefined;
  readonly authgear?: AuthgearOptions | undefined;
  readonly vital?: VitalOptions | undefined;
}

const anyFunction = z.custom<(...values: never[]) => unknown>((value) => typeof value === 'function', {
  error: 'must be a function',
});
const method = z.enum(['GET', 'POST']);
const texts = z.array(z.string().min(1)).min(1);

const optionsSchema = z.strictObject({
  host: z.string().min(1).optional(),
  port: z.number().int().min(0).max(65_535).optional(),
  clock: z.looseObject({ nowMs: anyFunction, monotonicMs: anyFunction }).optional(),
  random: anyFunction.optional(),
  sleep: anyFunction.optional(),
  nabla: z.strictObject({ authenticateMethod: method.optional(), errorBody: anyFunction.optional() }).optional(),
  nudge: z.strictObject({ tokenMethod: method.optional(), tokensEnabled: z.boolean().optional() }).optional(),
  nymbl: z
    .strictObject({
      rateLimited: z.boolean().optional(),
      apiKeyRefusalStatus: z.union([z.literal(401), z.literal(403)]).optional(),
    })
    .optional(),
  authgear: z
    .strictObject({
      clientIds: texts.optional(),
      accessTokens: z.enum(['jwt', 'opaque']).optional(),
      rotateRefreshTokens: z.boolean().optional(),
    })
    .optional(),
  vital: z
    .strictObject({
      region: z.enum(['us', 'eu']).optional(),
      environment: z.enum(['sandbox', 'production']).optional(),
      apiKeys: texts.optional(),
      maxUsers: z.number().int().min(0).optional(),
    })
    .optional(),
});

/** Refuses options that are none, by their names. */
export const assertSandboxOptions = (options: SandboxOptions): void => {
  parseStrictly('createSandbox', optionsSchema, options);
};
