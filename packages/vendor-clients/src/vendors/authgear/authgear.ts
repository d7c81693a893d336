import type { CallOptions, Secret } from '@valetkey/core-types';
import { z } from 'zod';
import { defineVendor, type VendorClient, type WithoutClose } from '../../kit/define-vendor.ts';
import type { ClientDependencies } from '../../kit/door/door.ts';
import { type StatusMeanings } from '../../kit/door/refusal.ts';
import { invalidResponseError, readJson, type VendorResponse } from '../../kit/door/response.ts';
import { baseUrlSchema } from '../../kit/option-schemas.ts';

/** A session, as Authgear's resolver describes it. */
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

/** The result of the resolver: the request has no session, an invalid session or a valid session. */
export type AuthgearResolution =
  | { readonly status: 'absent' }
  | { readonly status: 'invalid' }
  | { readonly status: 'valid'; readonly session: AuthgearSession };

/** The headers of the request to resolve. No other header is passed on. */
export interface AuthgearCredentialHeaders {
  readonly authorization?: string | undefined;
  readonly cookie?: string | undefined;
}

/** A client of an Authgear project. */
export interface AuthgearClient extends VendorClient {
  /**
   * Returns the user's claims (`/oauth2/userinfo`). Rejects with `invalid_token` for a token that Authgear refuses, and with
   * `forbidden` for a token that may not read the user.
   */
  readonly userInfo: (accessToken: Secret, options?: CallOptions) => Promise<Readonly<Record<string, unknown>>>;
  /** Resolves the session of a request's credentials (`/_resolver/resolve`). */
  readonly resolve: (headers: AuthgearCredentialHeaders, options?: CallOptions) => Promise<AuthgearResolution>;
  /** Revokes a refresh or access token (RFC 7009). An unknown token is not an error. */
  readonly revoke: (token: Secret, options?: CallOptions) => Promise<void>;
}

const userInfoMeanings: StatusMeanings = {
  401: { code: 'invalid_token', detail: 'Authgear refused this token.' },
  403: { code: 'forbidden', detail: 'This token may not read the user at Authgear.' },
};

const resolverSchema = z.strictObject({
  cacheSeconds: z
    .number()
    .min(0)
    .max(60)
    .default(10)
    .describe(
      'The seconds for which the broker caches a response. It may accept the token of a user who has signed out for that long. `0` disables the cache.',
    ),
});

/** Authgear: signs app users in. Its access tokens identify principals. */
export const authgear = defineVendor({
  id: 'authgear',
  title: 'Authgear',
  errorBody: z.object({ error: z.union([z.string(), z.looseObject({})]) }),
  credentials: {},
  options: {
    endpoint: baseUrlSchema
      .describe(
        "The endpoint of the Authgear project, such as `https://my-app.authgear.cloud`. It is also the issuer of the project's tokens.",
      )
      .meta({ examples: ['https://my-app.authgear.cloud'] }),
    clientId: z
      .string()
      .min(1)
      .optional()
      .describe(
        'The id of the client whose tokens the broker accepts. Absent: it accepts the tokens of every client of the project.',
      ),
    anonymous: z.boolean().default(false).describe('Whether the broker accepts tokens of anonymous users.'),
    resolver: resolverSchema
      .optional()
      .describe(
        "Looks up opaque access tokens, which Authgear issues by default, at the project's resolver. Absent: the broker refuses them.",
      ),
  },
  check({ clientId, resolver }, report) {
    if (clientId === undefined || resolver === undefined) return;
    report(
      'resolver',
      'cannot be combined with `clientId`: the resolver does not say which client a token was issued to',
    );
  },
  connect({ vendor, options: { endpoint, clientId, resolver }, openDoor }): WithoutClose<AuthgearClient> {
    const door = openDoor(endpoint);
    return {
      async userInfo(accessToken, callOptions) {
        const headers = { authorization: `Bearer ${accessToken.reveal()}` };
        const call = { method: 'GET', path: '/oauth2/userinfo', headers, meanings: userInfoMeanings, repeatable: true };
        return readJson(await door.begin(callOptions).send(call), z.looseObject({ sub: z.string().min(1) }));
      },
      async resolve({ authorization, cookie }, callOptions) {
        const headers = { ...(authorization && { authorization }), ...(cookie && { cookie }) };
        const call = { method: 'GET', path: '/_resolver/resolve', headers, repeatable: true };
        return toResolution(await door.begin(callOptions).send(call));
      },
      async revoke(token, callOptions) {
        const headers = { 'content-type': 'application/x-www-form-urlencoded' };
        const body = new URLSearchParams({ token: token.reveal() }).toString();
        await door.begin(callOptions).send({ method: 'POST', path: '/oauth2/revoke', headers, body, repeatable: true });
      },
      async verify(callOptions) {
        const call = { method: 'GET', path: '/.well-known/openid-configuration', repeatable: true };
        const { issuer } = readJson(await door.begin(callOptions).send(call), z.object({ issuer: z.string() }));
        if (issuer !== endpoint) throw invalidResponseError(vendor, 'other_issuer');
        const notChecked = [
          ...(clientId === undefined ? [] : ['`clientId`, because Authgear does not say which clients exist']),
          ...(resolver === undefined ? [] : ['`resolver`, because only the token of a user shows whether it works']),
        ];
        return { proven: ['the discovery document names `endpoint` as its issuer'], notChecked };
      },
    };
  },
  abilities(_client, { options: { endpoint, clientId, anonymous, resolver } }) {
    return { authenticate: { issuer: { provider: 'authgear', endpoint, clientId, anonymous, resolver } } };
  },
});

export type AuthgearOptions = z.input<typeof authgear.options>;

/**
 * Creates a client of an Authgear project. Throws a `TypeError` that names each wrong option.
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
export function createAuthgearClient(options: AuthgearOptions, dependencies?: ClientDependencies): AuthgearClient {
  return authgear.createClient(options, dependencies);
}

/** Reads the result from the response headers. A session is valid only for the exact text `true`. */
function toResolution({ vendor, headers }: VendorResponse): AuthgearResolution {
  const valid = headers['x-authgear-session-valid'];
  if (valid === undefined) return { status: 'absent' };
  if (valid !== 'true') return { status: 'invalid' };
  const userId = headers['x-authgear-user-id'];
  if (typeof userId !== 'string' || userId === '') throw invalidResponseError(vendor, 'header:x-authgear-user-id');
  const authenticatedAt = String(headers['x-authgear-session-authenticated-at']);
  return {
    status: 'valid',
    session: {
      userId,
      isAnonymous: headers['x-authgear-user-anonymous'] === 'true',
      isVerified: headers['x-authgear-user-verified'] === 'true',
      canReauthenticate: headers['x-authgear-user-can-reauthenticate'] === 'true',
      roles: toWords(headers['x-authgear-user-roles']),
      amr: toWords(headers['x-authgear-session-amr']),
      authenticatedAtSeconds: /^\d{1,12}$/.test(authenticatedAt) ? Number(authenticatedAt) : undefined,
    },
  };
}

/** Splits a header into words. Authgear's specification separates them by commas, its code by commas or spaces. */
function toWords(header: string | string[] | undefined): string[] {
  return [header ?? []]
    .flat()
    .flatMap((text) => text.split(/[\s,]+/))
    .filter((word) => word !== '');
}
