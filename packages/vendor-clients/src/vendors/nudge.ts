import {
  Secret,
  secretSlotsSchema,
  ValetKeyError,
  type CallOptions,
  type TokenKey,
  type Vendor,
  type VendorDefinition,
} from '@valetkey/core-types';
import { z } from 'zod';
import { readJson, refusal } from '../door/answer.ts';
import { openDoor, type ClientEnvironment } from '../door/door.ts';
import { fingerprint } from '../fingerprint.ts';
import { remainingLifeSeconds } from '../jwt-payload.ts';
import { useSecretSlots } from '../secret-slots.ts';
import { baseUrlSchema, parseOptions, timeoutMsSchema, tokenTextSchema } from '../vendor-options.ts';

const vendor = { id: 'nudge', title: 'Nudge' } as const;

const expiryMinutesSchema = z.number().int().min(1).max(1_440);

/** What HTTP itself reads, or this client writes. */
const reservedHeaders = new Set(
  `host connection keep-alive proxy-connection te trailer transfer-encoding upgrade expect content-length content-type
   content-encoding accept accept-encoding user-agent cookie`.split(/\s+/),
);

const optionsSchema = z
  .strictObject({
    /** The private API key of the Nudge dashboard. */
    apiKey: secretSlotsSchema,
    baseUrl: baseUrlSchema.default('https://main-api.nudgenow.com'),
    /** Nudge's documentation names no method; its parameters are in the query and it has no body, which is a GET. */
    method: z.enum(['GET', 'POST']).default('GET'),
    /** The header that carries the key. */
    apiKeyHeader: z
      .string()
      .regex(/^[A-Za-z0-9-]+$/)
      .refine((name) => !reservedHeaders.has(name.toLowerCase()), { error: 'is a header with a meaning of its own' })
      .default('apiKey'),
    /** Life to ask for, in minutes; an app may ask for less and never for more. */
    expiryMinutes: expiryMinutesSchema.default(60),
    /** Keeps tokens and shares them between users, which they allow: they are bound to the account. Off when absent. */
    cache: z
      .strictObject({
        /** Seconds of life that a shared token still has at the least when it is handed out. */
        minRemainingSeconds: z.number().int().min(1).max(86_400),
      })
      .optional(),
    timeoutMs: timeoutMsSchema,
  })
  .refine(({ cache, expiryMinutes }) => cache === undefined || cache.minRemainingSeconds < expiryMinutes * 60, {
    path: ['cache', 'minRemainingSeconds'],
    error: 'must be less than the life of a token, which is `expiryMinutes`',
  });

export type NudgeOptions = z.input<typeof optionsSchema>;

/** A short-lived token of the account. */
export interface NudgeToken {
  readonly token: Secret;
  /** Life from receipt, in seconds. */
  readonly expiresInSeconds: number;
}

/** What {@link NudgeClient.getToken} may be told. */
export interface NudgeTokenRequest extends CallOptions {
  /** Life to ask for, in minutes. Default: the client's `expiryMinutes`. */
  readonly expiryMinutes?: number | undefined;
}

export interface NudgeClient {
  /**
   * Gets a short-lived token (`getToken`, `/api/clients/jwt/token`). Throws `invalid_request` for minutes that Nudge is
   * not asked for.
   */
  readonly getToken: (request?: NudgeTokenRequest) => Promise<NudgeToken>;
  readonly verify: (options?: CallOptions) => Promise<void>;
  readonly close: () => Promise<void>;
}

const tokenSchema = z.object({ token: tokenTextSchema });

const advice =
  'Check `apiKey`, and that Nudge has switched short-lived token authentication on for the account: it is off at first.';

/**
 * Makes a client of Nudge's token API. Throws a `TypeError` for options that cannot work.
 *
 * @example
 * ```ts
 * import { createNudgeClient } from '@valetkey/vendor-clients';
 *
 * const nudge = createNudgeClient({ apiKey: process.env.NUDGE_API_KEY ?? '' });
 * const { token, expiresInSeconds } = await nudge.getToken({ expiryMinutes: 30 });
 * ```
 */
export function createNudgeClient(options: NudgeOptions, environment?: ClientEnvironment): NudgeClient {
  return connect(parseOptions(vendor.title, optionsSchema, options), environment);
}

type ParsedOptions = z.output<typeof optionsSchema>;

function connect(options: ParsedOptions, environment: ClientEnvironment = {}): NudgeClient {
  const { method, apiKeyHeader, timeoutMs } = options;
  const door = openDoor({ vendor, baseUrl: options.baseUrl, timeoutMs }, environment);
  const apiKey = useSecretSlots(options.apiKey, (slot) =>
    environment.onEvent?.({ type: 'secret_switched', vendor: vendor.id, option: 'apiKey', slot }),
  );

  const getToken: NudgeClient['getToken'] = async ({ expiryMinutes = options.expiryMinutes, signal } = {}) => {
    if (!expiryMinutesSchema.safeParse(expiryMinutes).success) {
      throw new ValetKeyError('invalid_request', '`expiryMinutes` has to be a whole number from 1 to 1440.', {
        vendor: vendor.id,
      });
    }
    const operation = door.begin({ signal });
    return apiKey.use(async (key) => {
      const answer = await operation.send({
        method,
        path: `/api/clients/jwt/token?expiryMins=${expiryMinutes}`,
        headers: { [apiKeyHeader]: key.reveal(), accept: 'application/json' },
        repeatable: true,
      });
      if (answer.status !== 200) {
        const meaning = { code: 'vendor_auth_failed', detail: 'Nudge refused our API key.', advice } as const;
        throw refusal(answer, { 401: meaning, 403: meaning });
      }
      const { token } = readJson(answer, tokenSchema);
      return { token: new Secret(token), expiresInSeconds: remainingLifeSeconds(answer, token) ?? expiryMinutes * 60 };
    });
  };

  return {
    getToken,
    verify: async ({ signal } = {}) => {
      await getToken({ expiryMinutes: 1, signal });
    },
    close: door.close,
  };
}

/** Nudge: issues short-lived tokens of the account, of which its web and mobile SDKs take one at a time. */
export const nudge = {
  ...vendor,
  options: optionsSchema,
  credentials: ['apiKey'],
  create(options, environment?: ClientEnvironment): Vendor {
    const client = connect(options, environment);
    const parameters = z.strictObject({
      expiry_minutes: z.number().int().min(1).max(options.expiryMinutes).default(options.expiryMinutes),
    });
    const minutesOf = (given: Readonly<Record<string, unknown>>): number => parameters.parse(given).expiry_minutes;
    const secretVersion = fingerprint(options.apiKey.current.reveal());
    const { minRemainingSeconds = 0 } = options.cache ?? {};
    // A token that is asked to live no longer than a kept one has to have left is for this app alone.
    const keyOf = (minutes: number): TokenKey | undefined =>
      minutes * 60 > minRemainingSeconds
        ? { vendor: vendor.id, resource: options.baseUrl, scope: `expiryMins=${minutes}`, secretVersion }
        : undefined;

    return {
      id: vendor.id,
      issue: {
        bound: 'account',
        parameters,
        plainTextField: 'token',
        exchange: {
          field: 'token',
          issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
          tokenType: 'Bearer',
        },
        cache: options.cache && {
          ...options.cache,
          key: ({ parameters: given }) => keyOf(minutesOf(given)),
        },
        async issue({ parameters: given, signal }) {
          const { token, expiresInSeconds } = await client.getToken({ expiryMinutes: minutesOf(given), signal });
          return {
            kind: 'client',
            bound: 'account',
            vendor: vendor.id,
            fields: { token },
            expiresInSeconds,
          };
        },
      },
      verify: client.verify,
      close: client.close,
    };
  },
} as const satisfies VendorDefinition<typeof optionsSchema>;
