import { ValetKeyError, type CallOptions, type Secret } from '@valetkey/core-types';
import { z } from 'zod';
import { secretCredential } from '../../kit/credentials.ts';
import { defineVendor, type VendorClient, type WithoutClose } from '../../kit/define-vendor.ts';
import type { ClientDependencies } from '../../kit/door/door.ts';
import { type StatusMeaning } from '../../kit/door/refusal.ts';
import { readJson, tokenSchema } from '../../kit/door/response.ts';
import { bearerToken, issueForAccount } from '../../kit/issue-ability.ts';
import { remainingLifeSeconds } from '../../kit/jwt-payload.ts';
import { baseUrlSchema } from '../../kit/option-schemas.ts';

/** A short-lived token of the account. */
export interface NudgeToken {
  readonly token: Secret;
  /** Seconds until it expires, counted from receipt. */
  readonly expiresInSeconds: number;
}

/** The options of {@link NudgeClient.getToken}. */
export interface NudgeTokenRequest extends CallOptions {
  /** Lifetime to request, in minutes. Default: the client's `expiryMinutes`. */
  readonly expiryMinutes?: number | undefined;
}

/** A client of Nudge's token API. */
export interface NudgeClient extends VendorClient {
  /** Requests a short-lived token (`/api/clients/jwt/token`). Rejects with `invalid_request` for invalid minutes. */
  readonly getToken: (request?: NudgeTokenRequest) => Promise<NudgeToken>;
}

/** Headers that HTTP or this client sets. */
const reservedHeaders = new Set(
  `host connection keep-alive proxy-connection te trailer transfer-encoding upgrade expect content-length content-type
   content-encoding accept accept-encoding user-agent cookie`.split(/\s+/),
);

const expiryMinutesSchema = z.int().min(1).max(1_440);

/** The longest lifetime that can be requested. */
const maxLifetimeSeconds = 1_440 * 60;

const refusedKey: StatusMeaning = {
  code: 'vendor_auth_failed',
  detail: 'Nudge refused the configured API key.',
  advice:
    'Check `apiKey`, and that Nudge has enabled short-lived token authentication for the account. It is off by default.',
};

/** Nudge: issues short-lived tokens of the account, for its web and mobile SDKs. */
export const nudge = defineVendor({
  id: 'nudge',
  title: 'Nudge',
  credentials: { apiKey: secretCredential('The private API key of the Nudge dashboard.') },
  options: {
    baseUrl: baseUrlSchema.default('https://main-api.nudgenow.com').describe("The base URL of Nudge's API."),
    method: z
      .enum(['GET', 'POST'])
      .default('GET')
      .describe(
        'The HTTP method with which the broker requests a token. The parameters are in the query with either. Nudge documents no method.',
      ),
    apiKeyHeader: z
      .string()
      .regex(/^[A-Za-z0-9-]+$/)
      .refine((name) => !reservedHeaders.has(name.toLowerCase()), {
        error: 'must not be a header that HTTP or this client sets',
      })
      .default('apiKey')
      .describe('The name of the header in which the broker sends the API key.'),
    expiryMinutes: expiryMinutesSchema
      .default(60)
      .describe('The lifetime of a token, in minutes. An app may request a shorter one, never a longer one.'),
    cache: z
      .strictObject({
        minRemainingSeconds: z
          .int()
          .min(1)
          .max(86_400)
          .describe(
            'The minimum number of seconds for which a shared token is still valid when the broker returns it. Otherwise the broker requests a new one.',
          ),
      })
      .optional()
      .describe(
        'Makes the broker return one token to several users, which is safe because a token of Nudge is bound to the account. Absent: the broker requests a new token for each request.',
      ),
  },
  check({ cache, expiryMinutes }, report) {
    if (cache !== undefined && cache.minRemainingSeconds >= expiryMinutes * 60) {
      report('cache.minRemainingSeconds', 'must be less than the lifetime of a token, which is `expiryMinutes`');
    }
  },
  connect({ vendor, options, credentials: { apiKey }, openDoor }): WithoutClose<NudgeClient> {
    const { method, apiKeyHeader } = options;
    const door = openDoor(options.baseUrl);
    const getToken: NudgeClient['getToken'] = async ({
      expiryMinutes = options.expiryMinutes,
      ...callOptions
    } = {}) => {
      if (!expiryMinutesSchema.safeParse(expiryMinutes).success) {
        const detail = '`expiryMinutes` must be a whole number from 1 to 1440.';
        throw new ValetKeyError('invalid_request', detail, { vendor: vendor.id });
      }
      const operation = door.begin(callOptions);
      return apiKey.use(async (key) => {
        const response = await operation.send({
          method,
          path: `/api/clients/jwt/token?expiryMins=${expiryMinutes}`,
          headers: { [apiKeyHeader]: key.reveal() },
          meanings: { 401: refusedKey, 403: refusedKey },
          repeatable: true,
        });
        const { token } = readJson(response, z.object({ token: tokenSchema }));
        return {
          token,
          expiresInSeconds: remainingLifeSeconds(response, token, maxLifetimeSeconds) ?? expiryMinutes * 60,
        };
      });
    };
    return {
      getToken,
      async verify({ signal } = {}) {
        await getToken({ expiryMinutes: 1, signal });
        return { proven: ['`apiKey` is accepted: Nudge issued a token'] };
      },
    };
  },
  abilities(client, { vendor, options, credentials }) {
    const { baseUrl, cache, expiryMinutes } = options;
    return {
      issue: issueForAccount({
        parameters: z.strictObject({ expiry_minutes: z.int().min(1).max(expiryMinutes).default(expiryMinutes) }),
        plainTextField: 'token',
        exchange: bearerToken('token'),
        lifetime: {
          minSeconds: 60,
          shorten: ({ expiry_minutes: minutes }, maxSeconds) => ({
            expiry_minutes: Math.min(minutes, Math.floor(maxSeconds / 60)),
          }),
        },
        cache: cache && {
          ...cache,
          key({ parameters: { expiry_minutes: minutes } }) {
            // Such a token never has the required remaining time, so no other request could reuse it.
            if (minutes * 60 <= cache.minRemainingSeconds) return undefined;
            const scope = `expiryMins=${minutes}`;
            return { vendor: vendor.id, resource: baseUrl, scope, secretVersion: credentials.apiKey.version };
          },
        },
        async issue({ parameters, signal, caller }) {
          const { token, expiresInSeconds } = await client.getToken({
            expiryMinutes: parameters.expiry_minutes,
            signal,
            caller,
          });
          return { fields: { token }, expiresInSeconds };
        },
      }),
    };
  },
});

export type NudgeOptions = z.input<typeof nudge.options>;

/**
 * Creates a client of Nudge's token API. Throws a `TypeError` that names each wrong option.
 *
 * @example
 * ```ts
 * import { createNudgeClient } from '@valetkey/vendor-clients';
 *
 * const nudge = createNudgeClient({ apiKey: process.env.NUDGE_API_KEY ?? '' });
 * const { token, expiresInSeconds } = await nudge.getToken({ expiryMinutes: 30 });
 * ```
 */
export function createNudgeClient(options: NudgeOptions, dependencies?: ClientDependencies): NudgeClient {
  return nudge.createClient(options, dependencies);
}
