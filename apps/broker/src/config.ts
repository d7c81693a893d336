import {
  issuerSchema,
  secretSchema,
  secretSlotsSchema,
  secureUrlSchema,
  type SecretSlots,
  type VendorDefinition,
} from '@valetkey/core-types';
import { vendors as vendorRegistry } from '@valetkey/vendor-clients';
import { z } from 'zod';
import { isPostgresUrl } from './postgres-store.ts';

/** The configuration cannot be used; `problems` names each field and what it should be, and quotes no value. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  static {
    this.prototype.name = 'ConfigError';
  }

  constructor(problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

const vendorUserSourceSchema = z.union([
  z.strictObject({
    /** The claim that holds the vendor's user id; `sub` for the subject. */
    claim: z.string().min(1),
    /** Whose tokens may say so. Needed where several identity providers are configured. */
    issuer: z.string().optional(),
  }),
  z.strictObject({ mapping: z.literal(true) }),
  z.strictObject({
    ensure: z.union([
      z.literal(true),
      z.strictObject({
        /** The claim that holds the name under which the vendor's users already exist. */
        externalIdClaim: z.string().min(1),
        issuer: z.string().optional(),
      }),
    ]),
  }),
]);

/** Where a vendor's users come from: a claim of the token, the stored mapping, or the vendor, who makes them. */
export type VendorUserSource = z.output<typeof vendorUserSourceSchema>;

const vendorPolicySchema = z.object({
  user: vendorUserSourceSchema.optional(),
  /** Whose users may use this vendor. Absent: everybody's. */
  issuers: z.array(z.string().min(1)).min(1).optional(),
  /** Scopes that a caller's token must carry to use this vendor. */
  requiredScopes: z.array(z.string().min(1)).default([]),
  /** Claims that it must carry, each with this very value or a list that holds it. */
  requiredClaims: z.record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()])).default({}),
});

/** What the broker itself asks about each vendor, beside the vendor's own options. */
export type VendorPolicy = z.output<typeof vendorPolicySchema>;

const portSchema = z.int().min(0).max(65_535);

/** As text, too: that is what an environment variable gives. */
const portTextSchema = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .pipe(portSchema);

const addressShape = (port: number) => ({
  host: z.string().min(1).default('127.0.0.1'),
  port: z.union([portSchema, portTextSchema]).default(port),
});

const originSchema = secureUrlSchema.refine((text) => URL.canParse(text) && new URL(text).origin === text, {
  error: 'must be an origin: scheme, host and port, without a slash at the end',
});

const sealingKeySchema = z.strictObject({
  id: z.string().regex(/^[\w-]{1,32}$/, { error: 'must be 1 to 32 letters, digits, - or _' }),
  secret: secretSchema.refine((secret) => secret.reveal().length >= 32, { error: 'must have at least 32 characters' }),
});

const brokerShape = {
  /** Where apps reach the broker. */
  listen: z.strictObject(addressShape(8787)).prefault({}),
  /** Where operators do. The API there answers those alone who send `token`. */
  admin: z.strictObject({ ...addressShape(8788), token: secretSlotsSchema.optional() }).prefault({}),
  /** The origin under which callers reach the broker, such as `https://broker.example.com`. Absent: no metadata. */
  publicUrl: originSchema.optional(),
  /** Web pages that may call the broker from a browser. */
  cors: z
    .strictObject({
      /** Exact origins, such as `https://app.example.com`; there is no wildcard. */
      origins: z.array(originSchema).default([]),
    })
    .prefault({}),
  /** The identity providers whose tokens are taken. */
  issuers: z.array(issuerSchema).default([]),
  /** What keeps vendor users and audit: a file on this machine, or a database that several share. */
  store: z
    .union([
      z.strictObject({ sqlite: z.string().min(1) }),
      z.strictObject({
        /** `postgresql://user:password@host:5432/database` */
        postgres: secretSchema.refine((url) => isPostgresUrl(url.reveal()), {
          error: 'must be like postgresql://user:password@host:5432/database',
        }),
        /** Most connections at once. */
        maxConnections: z.int().min(1).optional(),
        /** Milliseconds that a call may wait for a connection, and then for its answer. */
        timeoutMs: z.int().min(1).optional(),
      }),
    ])
    .default({ sqlite: 'valetkey-data/valetkey.sqlite' }),
  /** Days for which decisions are kept. Absent: for good. */
  audit: z.strictObject({ keepDays: z.int().min(1).max(36_500).optional() }).prefault({}),
  /** What several brokers share: the server tokens, sealed. Absent: each keeps its own. */
  redis: z
    .strictObject({
      /** `redis[s]://[[username][:password]@][host][:port][/db-number]` */
      url: secretSchema.refine((url) => /^rediss?:\/\//.test(url.reveal()), {
        error: 'must be a redis: or rediss: URL',
      }),
      /** The first seals, each opens. At least 32 characters by chance in each secret. */
      sealingKeys: z.array(sealingKeySchema).min(1),
      /** Before each key in Redis, so that one server serves several deployments. */
      prefix: z.string().min(1).optional(),
      /** Milliseconds that one call to Redis may take before the broker goes on without. */
      timeoutMs: z.int().min(1).optional(),
    })
    .optional(),
  /** What one caller may take of each broker. What is absent has no bound. */
  callerLimits: z
    .strictObject({
      /** So many may come at once, and then as they are regained over the minute. */
      requestsPerMinute: z.int().min(1).optional(),
      /** Proxied calls under way at once. */
      concurrentProxyCalls: z.int().min(1).optional(),
    })
    .prefault({}),
  forwardAuth: z
    .strictObject({
      /** What the headers of `/v1/resolve` begin with. */
      headerPrefix: z
        .string()
        .regex(/^([a-z][a-z0-9]*-)+$/, { error: 'must be lower-case words, each followed by a hyphen' })
        .default('x-valetkey-'),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info') })
    .prefault({}),
};

type VendorsInput = {
  -readonly [Id in keyof typeof vendorRegistry]?: z.input<(typeof vendorRegistry)[Id]['options']> &
    z.input<typeof vendorPolicySchema>;
};

/** The configuration as an operator writes it. */
export type BrokerConfigInput = z.input<z.ZodObject<typeof brokerShape>> & { vendors?: VendorsInput };

/** A vendor that the operator configured: how it is made, with what, and who may use it. */
export interface ConfiguredVendor {
  readonly definition: VendorDefinition;
  readonly options: Record<string, unknown>;
  readonly policy: VendorPolicy;
}

/** The configuration as the broker uses it. */
export interface BrokerConfig extends Omit<z.output<z.ZodObject<typeof brokerShape>>, 'admin'> {
  readonly admin: { readonly host: string; readonly port: number; readonly token?: SecretSlots | undefined };
  readonly vendors: readonly ConfiguredVendor[];
}

/**
 * Types a `valetkey.config.ts`.
 *
 * @example
 * ```ts
 * import { defineConfig } from '@valetkey/broker';
 *
 * export default defineConfig({
 *   issuers: [{ issuer: 'https://id.example.com', audiences: ['my-api'] }],
 *   vendors: { nudge: { apiKey: '${env:NUDGE_API_KEY}' } },
 * });
 * ```
 */
export function defineConfig(config: BrokerConfigInput): BrokerConfigInput {
  return config;
}

/** Checks a configuration whose references are resolved. Throws {@link ConfigError} with every problem in it. */
export function parseConfig(
  input: unknown,
  definitions: Readonly<Record<string, VendorDefinition>> = vendorRegistry,
): BrokerConfig {
  const vendorShape = Object.fromEntries(
    Object.values(definitions).map(({ id, options }) => [id, options.safeExtend(vendorPolicySchema.shape).optional()]),
  );
  const schema = z.strictObject({ ...brokerShape, vendors: z.strictObject(vendorShape).default({}) });
  const { data, error } = schema.safeParse(input);
  if (error !== undefined) throw new ConfigError(error.issues.flatMap((issue) => describeIssue(issue)));

  const vendors = Object.values(definitions).flatMap((definition): ConfiguredVendor[] => {
    const configured = data.vendors[definition.id] as ({ [key: string]: unknown } & VendorPolicy) | undefined;
    if (configured === undefined) return [];
    const { user, issuers, requiredScopes, requiredClaims, ...options } = configured;
    return [{ definition, options, policy: { user, issuers, requiredScopes, requiredClaims } }];
  });
  const problems = findConflicts(data);
  if (problems.length > 0) throw new ConfigError(problems);
  return { ...data, vendors };
}

/** What is well written and cannot work all the same. */
function findConflicts({ listen, admin, issuers }: Pick<BrokerConfig, 'listen' | 'admin' | 'issuers'>): string[] {
  const samePort = listen.port !== 0 && listen.port === admin.port && listen.host === admin.host;
  return [
    ...(samePort ? ['admin.port: is the same as listen.port'] : []),
    ...issuers.flatMap(({ dpop }, index) =>
      dpop === undefined ? [] : [`issuers.${index}.dpop: is not taken here; the broker reads bearer tokens alone`],
    ),
  ];
}

/** One line for each problem, with the field's path. zod's messages name types and rules, never the value. */
function describeIssue(issue: z.core.$ZodIssue, parents: readonly PropertyKey[] = []): string[] {
  const path = [...parents, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The branch that the writer meant is one for this type of value, and the one with the least to complain of.
    const fitting = issue.errors.filter((issues) => !issues.some(isOfOtherType));
    const branches = (fitting.length > 0 ? fitting : issue.errors).map((issues) =>
      issues.flatMap((inner) => describeIssue(inner, path)),
    );
    return branches.reduce((best, branch) => (branch.length < best.length ? branch : best));
  }
  const field = path.map(String).join('.') || '(the whole)';
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${[...path, key].map(String).join('.')}: is not a known field`);
  }
  const missing = issue.code === 'invalid_type' && issue.message.includes('received undefined');
  return [`${field}: ${missing ? 'is missing' : issue.message}`];
}

const isOfOtherType = ({ code, path }: z.core.$ZodIssue) => code === 'invalid_type' && path.length === 0;
