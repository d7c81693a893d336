import { ValetKeyError, type CallOptions, type Secret, type Vendor, type VendorDefinition } from '@valetkey/core-types';
import { z } from 'zod';
import { invalidAnswer, readJson, refusal, type AnswerHeaders } from '../door/answer.ts';
import { openDoor, type ClientEnvironment } from '../door/door.ts';
import { baseUrlSchema, parseOptions, timeoutMsSchema } from '../vendor-options.ts';

const vendor = { id: 'authgear', title: 'Authgear' } as const;

const optionsSchema = z
  .strictObject({
    /** The project's endpoint, which is also the issuer of its tokens. */
    endpoint: baseUrlSchema,
    /** The client id that tokens must be issued to. Absent: any client of the project. */
    clientId: z.string().min(1).optional(),
    /**
     * Whether tokens that are no JWTs, which is what a project issues unless told otherwise, are looked up at the
     * project's resolver. Its answer serves for `cacheSeconds`.
     */
    resolver: z.strictObject({ cacheSeconds: z.number().int().min(0).max(60).default(10) }).optional(),
    timeoutMs: timeoutMsSchema,
  })
  .refine(({ clientId, resolver }) => clientId === undefined || resolver === undefined, {
    path: ['resolver'],
    error: 'does not tell whose token it is, so it cannot stand beside `clientId`',
  });

export type AuthgearOptions = z.input<typeof optionsSchema>;

/** Whose session it is, as the resolver says it. */
export interface AuthgearSession {
  readonly userId: string;
  readonly isAnonymous: boolean;
  readonly isVerified: boolean;
  readonly canReauthenticate: boolean;
  readonly roles: readonly string[];
  /** Methods of authentication (RFC 8176). */
  readonly amr: readonly string[];
  /** When the user authenticated, in seconds since 1970. */
  readonly authenticatedAtSeconds?: number | undefined;
}

/** What the resolver answers: nobody is signed in, somebody's session is no longer good, or it is. */
export type AuthgearResolution =
  | { readonly status: 'absent' }
  | { readonly status: 'invalid' }
  | { readonly status: 'valid'; readonly session: AuthgearSession };

/** The headers of the request that is to be resolved. Nothing but these two is passed on. */
export interface AuthgearCredentialHeaders {
  readonly authorization?: string | undefined;
  readonly cookie?: string | undefined;
}

export interface AuthgearClient {
  /** Gets the user's claims (`/oauth2/userinfo`). Throws `invalid_token` for a token that Authgear does not take. */
  readonly userInfo: (accessToken: Secret, options?: CallOptions) => Promise<Readonly<Record<string, unknown>>>;
  /** Asks the resolver whose session a request's credentials are (`/_resolver/resolve`). */
  readonly resolve: (headers: AuthgearCredentialHeaders, options?: CallOptions) => Promise<AuthgearResolution>;
  /** Revokes a refresh or access token (RFC 7009). An unknown token is not an error. */
  readonly revoke: (token: Secret, options?: CallOptions) => Promise<void>;
  readonly verify: (options?: CallOptions) => Promise<void>;
  readonly close: () => Promise<void>;
}

const userInfoSchema = z.looseObject({ sub: z.string().min(1) });

const discoverySchema = z.object({ issuer: z.string() });

/**
 * Makes a client of an Authgear project. Throws a `TypeError` for options that cannot work.
 *
 * @example
 * ```ts
 * import { createAuthgearClient } from '@valetkey/vendor-clients';
 *
 * const authgear = createAuthgearClient({ endpoint: 'https://my-project.authgear.cloud' });
 * const resolution = await authgear.resolve({ authorization: `Bearer ${process.env.ACCESS_TOKEN}` });
 * if (resolution.status === 'valid') console.log(resolution.session.userId);
 * ```
 */
export function createAuthgearClient(options: AuthgearOptions, environment?: ClientEnvironment): AuthgearClient {
  return connect(parseOptions(vendor.title, optionsSchema, options), environment);
}

function connect(options: z.output<typeof optionsSchema>, environment: ClientEnvironment = {}): AuthgearClient {
  const { endpoint, timeoutMs } = options;
  const door = openDoor({ vendor, baseUrl: endpoint, timeoutMs }, environment);

  return {
    async userInfo(accessToken, callOptions) {
      const answer = await door.begin(callOptions).send({
        method: 'GET',
        path: '/oauth2/userinfo',
        headers: { authorization: `Bearer ${accessToken.reveal()}`, accept: 'application/json' },
        repeatable: true,
      });
      if (answer.status === 401) {
        throw new ValetKeyError('invalid_token', 'Authgear does not take this token.', { vendor: vendor.id });
      }
      if (answer.status === 403) {
        throw new ValetKeyError('forbidden', 'This token may not read the user at Authgear.', { vendor: vendor.id });
      }
      if (answer.status !== 200) throw refusal(answer);
      return readJson(answer, userInfoSchema);
    },

    async resolve({ authorization, cookie }, callOptions) {
      const headers = { ...(authorization && { authorization }), ...(cookie && { cookie }) };
      const answer = await door
        .begin(callOptions)
        .send({ method: 'GET', path: '/_resolver/resolve', headers, repeatable: true });
      if (answer.status !== 200) throw refusal(answer);
      return readResolution(answer.headers);
    },

    async revoke(token, callOptions) {
      const answer = await door.begin(callOptions).send({
        method: 'POST',
        path: '/oauth2/revoke',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ token: token.reveal() }).toString(),
        repeatable: true,
      });
      if (answer.status !== 200) throw refusal(answer);
    },

    async verify(callOptions) {
      const answer = await door.begin(callOptions).send({
        method: 'GET',
        path: '/.well-known/openid-configuration',
        repeatable: true,
      });
      if (answer.status !== 200) throw refusal(answer);
      if (readJson(answer, discoverySchema).issuer !== endpoint) throw invalidAnswer(vendor, 'other_issuer');
    },

    close: door.close,
  };
}

/** Only the exact `true` is a session: whatever else a header may say, nobody is let in by it. */
function readResolution(headers: AnswerHeaders): AuthgearResolution {
  const valid = headers['x-authgear-session-valid'];
  if (valid === undefined) return { status: 'absent' };
  if (valid !== 'true') return { status: 'invalid' };
  const userId = headers['x-authgear-user-id'];
  if (typeof userId !== 'string' || userId === '') throw invalidAnswer(vendor, 'header:x-authgear-user-id');
  const authenticatedAt = headers['x-authgear-session-authenticated-at'];
  return {
    status: 'valid',
    session: {
      userId,
      isAnonymous: headers['x-authgear-user-anonymous'] === 'true',
      isVerified: headers['x-authgear-user-verified'] === 'true',
      canReauthenticate: headers['x-authgear-user-can-reauthenticate'] === 'true',
      roles: words(headers['x-authgear-user-roles']),
      amr: words(headers['x-authgear-session-amr']),
      authenticatedAtSeconds:
        typeof authenticatedAt === 'string' && /^\d{1,12}$/.test(authenticatedAt) ? Number(authenticatedAt) : undefined,
    },
  };
}

/** Authgear's code joins by a comma or a space, its specification by a comma. */
function words(header: string | string[] | undefined): string[] {
  return (Array.isArray(header) ? header.join(' ') : (header ?? '')).split(/[\s,]+/).filter((word) => word !== '');
}

/** Authgear: signs app users in. Its access tokens, where the project issues them as JWTs, are principals. */
export const authgear = {
  ...vendor,
  options: optionsSchema,
  credentials: [],
  create(options, environment?: ClientEnvironment): Vendor {
    const client = connect(options, environment);
    return {
      id: vendor.id,
      authenticate: {
        issuer: {
          provider: 'authgear',
          endpoint: options.endpoint,
          clientId: options.clientId,
          resolver: options.resolver,
        },
      },
      verify: client.verify,
      close: client.close,
    };
  },
} as const satisfies VendorDefinition<typeof optionsSchema>;
