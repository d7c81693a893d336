import {
  issuerSchema,
  secretSchema,
  secretSlotsSchema,
  secureUrlSchema,
  type VendorDefinition,
} from '@valetkey/core-types';
import { z } from 'zod';
import { isPostgresUrl } from './postgres-url.ts';

const portSchema = z.int().min(0).max(65_535);

/** Also as text, because that is what a reference to an environment variable gives. */
const portTextSchema = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .pipe(portSchema);

const addressShape = (port: number) => ({
  host: z.string().min(1).default('127.0.0.1').describe('The address to listen on; `0.0.0.0` for every interface.'),
  port: z.union([portSchema, portTextSchema]).prefault(port).describe('The port. 0 selects a free one.'),
});

const originSchema = secureUrlSchema.refine((text) => URL.canParse(text) && new URL(text).origin === text, {
  error: 'must be an origin: scheme, host and port, without a slash at the end',
});

const sealingKeySchema = z.strictObject({
  id: z
    .string()
    .regex(/^[\w-]{1,32}$/, { error: 'must be 1 to 32 letters, digits, - or _' })
    .describe('The name of the key, stored beside what it sealed: 1 to 32 letters, digits, `-` or `_`.'),
  secret: secretSchema
    .refine((secret) => secret.reveal().length >= 32, { error: 'must have at least 32 characters' })
    .describe('At least 32 random characters.'),
});

const storeSchema = z.union([
  z.strictObject({
    sqlite: z.string().min(1).describe('The path of a SQLite file. It is created, with its folder, if it is missing.'),
  }),
  z.strictObject({
    postgres: secretSchema
      .refine((url) => isPostgresUrl(url.reveal()), {
        error: 'must be like postgresql://user:password@host:5432/database',
      })
      .describe('The URL of a PostgreSQL database: `postgresql://user:password@host:5432/database`.'),
    maxConnections: z.int().min(1).optional().describe('The most connections to PostgreSQL at once. Default: 10.'),
    timeoutMs: z
      .int()
      .min(1)
      .optional()
      .describe('Milliseconds that a call waits for a connection, and then for its result. Default: 5000.'),
  }),
]);

const redisSchema = z.strictObject({
  url: secretSchema
    .refine((url) => /^rediss?:\/\//.test(url.reveal()), { error: 'must be a redis: or rediss: URL' })
    .describe('The URL of the Redis server: `redis[s]://[[username][:password]@][host][:port][/database]`.'),
  sealingKeys: z
    .array(sealingKeySchema)
    .min(1)
    .describe('The keys that encrypt the tokens in Redis. The first one encrypts; each one decrypts.'),
  prefix: z
    .string()
    .regex(/^[\w:.-]{1,64}$/, { error: 'must be 1 to 64 letters, digits, : . - or _' })
    .optional()
    .describe('The prefix of each key in Redis, so that one server serves several deployments. Default: `valetkey`.'),
  timeoutMs: z
    .number()
    .min(1)
    .max(60_000)
    .optional()
    .describe('Milliseconds that one call to Redis may take before the broker continues without Redis. Default: 250.'),
});

function isVendorDefinition(value: unknown): value is VendorDefinition {
  const { id, create, options } = (value ?? {}) as Partial<VendorDefinition>;
  return typeof id === 'string' && typeof create === 'function' && options instanceof z.ZodObject;
}

/** Every field of the configuration except `vendors`, whose fields depend on the adapters. */
export const brokerShape = {
  listen: z.strictObject(addressShape(8787)).prefault({}).describe('The listener that apps reach.'),
  admin: z
    .strictObject({
      ...addressShape(8788),
      token: secretSlotsSchema
        .optional()
        .describe('The admin token. The admin API responds only to requests that send it. Absent: the API is off.'),
    })
    .prefault({})
    .describe('The listener that operators reach.'),
  publicUrl: originSchema
    .optional()
    .describe(
      'The origin under which callers reach the broker: `https://broker.example.com`. Absent: no OAuth metadata.',
    ),
  cors: z
    .strictObject({
      origins: z
        .array(originSchema)
        .default([])
        .describe('The exact origins, such as `https://app.example.com`. There is no wildcard.'),
    })
    .prefault({})
    .describe('The web pages that may call the broker from a browser.'),
  issuers: z.array(issuerSchema).default([]).describe('The identity providers whose tokens are accepted.'),
  adapters: z
    .array(z.custom<VendorDefinition>(isVendorDefinition, { error: 'must be a vendor made by defineVendor' }))
    .default([])
    .describe('Vendors of your own, made by `defineVendor`. Available only in a `valetkey.config.ts`.'),
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
    .describe('The audit.'),
  redis: redisSchema
    .optional()
    .describe(
      'The Redis server in which several brokers share server tokens, encrypted. Absent: each broker keeps its own.',
    ),
  callerLimits: z
    .strictObject({
      requestsPerMinute: z
        .int()
        .min(1)
        .optional()
        .describe('Requests per minute of one caller, at each broker. Absent: no limit.'),
      concurrentProxyCalls: z
        .int()
        .min(1)
        .optional()
        .describe('Proxied calls of one caller that may run at once, at each broker. Absent: no limit.'),
    })
    .prefault({})
    .describe('What one caller may use of each broker.'),
  forwardAuth: z
    .strictObject({
      headerPrefix: z
        .string()
        .regex(/^([a-z][a-z0-9]*-)+$/, { error: 'must be lower-case words, each followed by a hyphen' })
        .default('x-valetkey-')
        .describe('The prefix of the response headers of `/v1/resolve` and `/v1/authorize`.'),
    })
    .prefault({})
    .describe('Forward authentication for a proxy.'),
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
