import { issuerTextSchema, secretSchema } from '@valetkey/core-types';
import { redisStoreConfigSchema } from '@valetkey/token-cache/redis';
import { egressSchema } from '@valetkey/vendor-clients';
import { z } from 'zod';
import { secretsSchema } from '../secrets/secrets-fields.ts';
import { adapterSchema } from './adapter.ts';
import { adminTokenShape } from './admin-fields.ts';
import { dpopFieldsSchema } from './dpop-fields.ts';
import { forwardAuthSchema } from './forward-auth-fields.ts';
import { issuerFieldSchema } from './issuer-fields.ts';
import { listenerTlsSchema } from './listener-tls.ts';
import { operatorsSchema } from './operator-fields.ts';
import { corsOriginSchema, originSchema } from './origin-fields.ts';
import { reloadFieldsSchema } from './reload-fields.ts';
import { storeSchema } from './store-fields.ts';
import { telemetrySchema } from './telemetry-fields.ts';

const wrongPort = { error: 'must be a whole number from 0 to 65535' };
const portSchema = z.int(wrongPort).min(0, wrongPort).max(65_535, wrongPort);

/** A port as text, because the value of an environment variable is text. */
const portTextSchema = z
  .string()
  .regex(/^\d{1,5}$/, wrongPort)
  .transform(Number)
  .pipe(portSchema);

const addressShape = (port: number) => ({
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('The address on which the broker listens. `0.0.0.0` means every interface.'),
  port: z
    .union([portSchema, portTextSchema])
    .prefault(port)
    .describe('The port on which the broker listens. `0` selects a free port.'),
  tls: listenerTlsSchema
    .optional()
    .describe(
      'The certificate with which the broker itself serves https, in TLS 1.2 or later. Absent: it serves http, and a proxy in front of it terminates TLS.',
    ),
});

const hostNameSchema = z.string().regex(/^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$/, {
  error: 'must be a host name or an address (IPv6 in brackets, such as [fd00::1]), without a port',
});

const proxyAddressSchema = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
  error: 'must be an address or a network such as 10.0.0.0/8',
});

const auditKeySchema = secretSchema.refine((key) => key.reveal().length >= 32, {
  error: 'must have at least 32 characters; create it with `openssl rand -base64 32`',
});

/** Every field of the configuration except `$schema` and `vendors`. The fields of a connection depend on its vendor. */
export const brokerShape = {
  listen: z
    .strictObject({
      ...addressShape(8787),
      hostNames: z
        .array(hostNameSchema)
        .optional()
        .describe(
          'The names that the `Host` header of a request may have. Loopback names and the address at which the broker received the request are always allowed. Absent: every name is allowed, because the proxy in front of the broker checks it.',
        ),
      trustedProxies: z
        .array(proxyAddressSchema)
        .default([])
        .describe(
          'The addresses of the proxies in front of the broker, such as `10.0.0.5` or `10.0.0.0/8`. The audit then has the client address that they state in `X-Forwarded-For`. Absent: it has the address that connects to the broker.',
        ),
      proxyRequestIds: z
        .boolean()
        .default(false)
        .describe(
          'Whether a request has the id that a proxy of `trustedProxies` sends in `X-Request-Id`, if it has 8 to 128 letters, digits and `_.:=+/-`. The proxy must set the header itself, because a client could otherwise choose the id. Default: each request has a new id.',
        ),
    })
    .prefault({})
    .describe('The listener to which apps send their requests.'),
  admin: z
    .strictObject({
      ...addressShape(8788),
      hostNames: z
        .array(hostNameSchema)
        .default([])
        .describe(
          'The names that the `Host` header of a request may have. Loopback names, the value of `host`, and the address at which the broker received the request are always allowed.',
        ),
      ...adminTokenShape,
      operators: operatorsSchema
        .optional()
        .describe(
          'The users of your identity provider who may call the admin API with their own access tokens, beside the admin tokens. Absent: no user may.',
        ),
    })
    .prefault({})
    .describe('The listener to which operators send their requests.'),
  publicUrl: originSchema
    .optional()
    .describe(
      'The origin to which callers send their requests, such as `https://broker.example.com`. Absent: the broker serves no OAuth metadata, and no issuer may have `dpop`.',
    ),
  cors: z
    .strictObject({
      origins: z
        .array(corsOriginSchema)
        .default([])
        .describe(
          "The exact origins of the web pages that may call the broker, such as `https://app.example.com`, or `capacitor://localhost` for an app in a web view. `loopback` allows every page whose origin is a loopback address, such as `http://localhost:3000`, on any user's machine; use it for development only.",
        ),
    })
    .prefault({})
    .describe('Which web pages may call the broker from a browser (cross-origin resource sharing).'),
  issuers: z
    .array(issuerFieldSchema)
    .default([])
    .describe(
      'The identity providers whose tokens the broker accepts: issuer records, or presets by name (`provider: auth0`).',
    ),
  dpop: dpopFieldsSchema,
  migratedIssuers: z
    .array(
      z.strictObject({
        issuer: issuerTextSchema.describe(
          'The new `issuer`, exactly as the issuer record has it. For a preset, this is the issuer that the preset sets.',
        ),
        subjectClaims: z
          .array(z.string().min(1))
          .min(1)
          .describe(
            'The new `subjectClaims`. If you change them again while users are stored, the broker refuses to start until this entry names the newest ones.',
          ),
      }),
    )
    .default([])
    .describe(
      'The identity providers whose `issuer` or `subjectClaims` you changed on purpose while the store had their users. Without this entry, the broker refuses to start, because these users would become new principals.',
    ),
  adapters: z
    .array(adapterSchema)
    .default([])
    .describe('Your own vendors, made by `defineVendor`. Available only in a TypeScript or JavaScript configuration.'),
  store: storeSchema
    .default({ sqlite: 'valetkey-data/valetkey.sqlite' })
    .describe(
      'Where the broker stores vendor users, blocked users and the audit: in a file on its machine, or in a database that several brokers share.',
    ),
  audit: z
    .strictObject({
      keepDays: z
        .int()
        .min(1)
        .max(36_500)
        .optional()
        .describe(
          'The number of days after which the broker deletes an entry of the audit. Absent: it never deletes entries.',
        ),
      key: auditKeySchema
        .optional()
        .describe(
          'The key of the audit, of at least 32 characters. With it, the broker chains the entries so that `valetkey audit verify` finds a changed, inserted or removed one, and records a fingerprint of each token. Keep it outside the database.',
        ),
      formerKeys: z
        .array(auditKeySchema)
        .default([])
        .describe('The earlier values of `key`, with which `valetkey audit verify` checks older entries.'),
    })
    .prefault({})
    .describe('The audit: the recorded decisions about authenticated callers, and the changes of stored vendor users.'),
  redis: redisStoreConfigSchema
    .optional()
    .describe(
      'The Redis server in which several brokers share server tokens and account-bound client tokens, encrypted. Absent: each broker caches its own tokens.',
    ),
  egress: egressSchema
    .prefault({})
    .describe(
      'How the broker connects to identity providers and vendors: the proxy, the private addresses that it may call, and the certificate authorities that it trusts.',
    ),
  secrets: secretsSchema
    .optional()
    .describe(
      'The secret managers from which references read secrets. This section and `egress` themselves may only have `${env:NAME}` and `${file:path}`.',
    ),
  callerLimits: z
    .strictObject({
      requestsPerMinute: z
        .int()
        .min(1)
        .optional()
        .describe(
          'The requests per minute that each broker allows to one principal, on average. After a quiet minute, the principal may send that many at once. Absent: no limit.',
        ),
      concurrentProxyCalls: z
        .int()
        .min(1)
        .optional()
        .describe(
          'The maximum number of proxied calls of one principal that each broker runs at once. Absent: no limit.',
        ),
    })
    .prefault({})
    .describe('The limits for each principal. A principal is an issuer and a subject together.'),
  forwardAuth: forwardAuthSchema,
  session: z
    .strictObject({
      explain: z
        .boolean()
        .default(false)
        .describe(
          'Whether `GET /v1/session?explain=<connection>` tells a caller why it may or may not use this connection.',
        ),
    })
    .prefault({})
    .describe('What `GET /v1/session` tells a caller.'),
  reload: reloadFieldsSchema,
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
        .describe('The least severe level that the broker logs. `silent` turns the log off.'),
    })
    .prefault({})
    .describe('The log, which the broker writes to standard output.'),
  telemetry: telemetrySchema,
};
