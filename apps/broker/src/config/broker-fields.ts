import { issuerTextSchema, secretSchema, secureUrlSchema, type SecretSlots } from '@valetkey/core-types';
import { redisStoreConfigSchema } from '@valetkey/token-cache/redis';
import { egressSchema } from '@valetkey/vendor-clients';
import { z } from 'zod';
import { adapterSchema } from './adapter.ts';
import { issuerFieldSchema } from './issuer-fields.ts';
import { parsePostgresUrl } from './postgres-url.ts';

const minAdminTokenLength = 16;

const wrongPort = { error: 'must be a whole number from 0 to 65535' };
const portSchema = z.int(wrongPort).min(0, wrongPort).max(65_535, wrongPort);

/** A port as text, because the value of an environment variable is text. */
const portTextSchema = z
  .string()
  .regex(/^\d{1,5}$/, wrongPort)
  .transform(Number)
  .pipe(portSchema);

const addressShape = (port: number) => ({
  host: z.string().min(1).default('127.0.0.1').describe('The address to listen on. `0.0.0.0` means every interface.'),
  port: z.union([portSchema, portTextSchema]).prefault(port).describe('The port. 0 selects a free one.'),
});

const hostNameSchema = z.string().regex(/^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$/, {
  error: 'must be a host name or an address, without a port',
});

const originSchema = secureUrlSchema
  .refine((text) => URL.canParse(text) && new URL(text).origin === text, {
    error: 'must be an origin: scheme, host and port, without a slash at the end',
  })
  // For editors: the JSON Schema cannot contain the check above.
  .meta({ pattern: String.raw`^https?://[^/?#@\s]+$` });

const storeSchema = z.union([
  z.strictObject({
    sqlite: z.string().min(1).describe('The path of a SQLite file. It is created, with its folder, if it is missing.'),
  }),
  z.strictObject({
    postgres: secretSchema
      .check(({ value, issues }) => {
        const address = parsePostgresUrl(value.reveal());
        if ('problem' in address) issues.push({ code: 'custom', input: undefined, message: address.problem });
      })
      .describe('The URL of a PostgreSQL database: `postgresql://user:password@host:5432/database`.'),
    maxConnections: z.int().min(1).optional().describe('The most PostgreSQL connections of each broker. Default: 10.'),
    timeoutMs: z
      .int()
      .min(1)
      // Node's timers fire at once for more than 24 days.
      .max(600_000)
      .optional()
      .describe(
        'The longest time, in milliseconds, that a call waits for a connection, and then for its result. Default: 5000.',
      ),
  }),
]);

/** A guessed admin token opens every vendor user and the audit. */
const adminSecretSchema = secretSchema
  .refine((token) => token.reveal().length >= minAdminTokenLength, {
    error: `must have at least ${minAdminTokenLength} characters, such as from \`openssl rand -base64 32\``,
  })
  .meta({ minLength: minAdminTokenLength });

/** Like `secretSlotsSchema`, for secrets of {@link minAdminTokenLength}. */
const adminTokenSchema = z.union([
  adminSecretSchema.transform((current): SecretSlots => ({ current })),
  z.strictObject({ current: adminSecretSchema, next: adminSecretSchema.optional() }),
]);

/** Every field of the configuration except `vendors`, whose fields depend on the adapters. */
export const brokerShape = {
  listen: z
    .strictObject({
      ...addressShape(8787),
      hostNames: z
        .array(hostNameSchema)
        .optional()
        .describe(
          'The host names that requests may use, besides loopback names and the address that receives them. Absent: every name, because the proxy in front decides.',
        ),
    })
    .prefault({})
    .describe('The listener that apps reach.'),
  admin: z
    .strictObject({
      ...addressShape(8788),
      hostNames: z
        .array(hostNameSchema)
        .default([])
        .describe(
          'The host names that requests may use, besides loopback names, `host`, and the address that receives them.',
        ),
      token: adminTokenSchema
        .optional()
        .describe(
          'The admin token, of at least 16 characters. The admin API responds only to requests that send it. Absent: the admin API is off.',
        ),
    })
    .prefault({})
    .describe('The listener that operators reach.'),
  publicUrl: originSchema
    .optional()
    .describe(
      'The origin at which callers reach the broker, such as `https://broker.example.com`. Absent: the broker serves no OAuth metadata.',
    ),
  cors: z
    .strictObject({
      origins: z
        .array(z.union([z.literal('loopback'), originSchema]))
        .default([])
        .describe(
          'The exact origins of these pages, such as `https://app.example.com`. `loopback` means every page of this machine, for development.',
        ),
    })
    .prefault({})
    .describe('The web pages that may call the broker from a browser.'),
  issuers: z
    .array(issuerFieldSchema)
    .default([])
    .describe(
      'The identity providers whose tokens are accepted: issuer records, or presets by name (`provider: auth0`).',
    ),
  migratedIssuers: z
    .array(
      z.strictObject({
        issuer: issuerTextSchema.describe('The `issuer` of the record, exactly.'),
        subjectClaims: z
          .array(z.string().min(1))
          .min(1)
          .describe('The `subjectClaims` to which the users were migrated. A later change is reported again.'),
      }),
    )
    .default([])
    .describe(
      'Issuers whose `issuer` or `subjectClaims` were changed on purpose after users of theirs were stored. Without this, the broker refuses to start, because these users would become new principals.',
    ),
  adapters: z
    .array(adapterSchema)
    .default([])
    .describe('Your own vendors, made by `defineVendor`. Available only in a `valetkey.config.ts`.'),
  store: storeSchema
    .default({ sqlite: 'valetkey-data/valetkey.sqlite' })
    .describe(
      'Where vendor users, blocked users and the audit are stored: a file on this machine, or a shared database.',
    ),
  audit: z
    .strictObject({
      keepDays: z
        .int()
        .min(1)
        .max(36_500)
        .optional()
        .describe('Days after which decisions are deleted. Absent: they are never deleted.'),
    })
    .prefault({})
    .describe('The audit: the recorded decisions about authenticated callers.'),
  redis: redisStoreConfigSchema
    .optional()
    .describe(
      'The Redis server in which several brokers share server tokens and account-bound client tokens, encrypted. Absent: each broker caches its own tokens.',
    ),
  egress: egressSchema
    .prefault({})
    .describe('The way to identity providers and vendors: the proxy, private addresses and certificates.'),
  callerLimits: z
    .strictObject({
      requestsPerMinute: z
        .int()
        .min(1)
        .optional()
        .describe('The most requests per minute for one principal, at each broker. Absent: no limit.'),
      concurrentProxyCalls: z
        .int()
        .min(1)
        .optional()
        .describe('The most proxied calls for one principal that run at once, at each broker. Absent: no limit.'),
    })
    .prefault({})
    .describe('The limits for the callers of one principal, which is an issuer and a subject together.'),
  forwardAuth: z
    .strictObject({
      headerPrefix: z
        .string()
        .regex(/^([a-z][a-z0-9]*-)+$/, { error: 'must be lower-case words, each followed by a hyphen' })
        .default('x-valetkey-')
        .describe('The beginning of the names of the response headers of `/v1/resolve` and `/v1/authorize`.'),
    })
    .prefault({})
    .describe('Forward authentication: a proxy asks the broker who sends a request.'),
  session: z
    .strictObject({
      explain: z
        .boolean()
        .default(false)
        .describe(
          'Whether `GET /v1/session?explain=<connection>` tells callers why they may or may not use a connection.',
        ),
    })
    .prefault({})
    .describe('What `GET /v1/session` tells a caller.'),
  shutdown: z
    .strictObject({
      timeoutMs: z
        .int()
        .min(0)
        .max(900_000)
        .default(10_000)
        .describe(
          'How long running calls, including uploads and streams, have to finish, in milliseconds. It begins when the broker accepts no more connections. Calls that still run at its end are cut off.',
        ),
    })
    .prefault({})
    .describe('What happens when the broker is stopped.'),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('The least severe level that is logged.'),
    })
    .prefault({})
    .describe('The log on standard output.'),
};
