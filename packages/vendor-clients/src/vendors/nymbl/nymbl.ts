import {
  readClaim,
  ValetKeyError,
  type CallOptions,
  type Principal,
  type TokenProxyAbility,
  type ServerToken,
  type Verification,
} from '@valetkey/core-types';
import { z } from 'zod';
import { isCallAllowed } from '../../kit/allowed-calls.ts';
import { requestClientCredentialsToken, type GrantedToken } from '../../kit/client-credentials.ts';
import { secretCredential } from '../../kit/credentials.ts';
import { defineVendor, type VendorClient, type WithoutClose } from '../../kit/define-vendor.ts';
import type { ClientDependencies } from '../../kit/door/door.ts';
import { forwardOptions } from '../../kit/forward-call.ts';
import { baseUrlSchema } from '../../kit/option-schemas.ts';
import { createForward, errorSchema } from './nymbl-proxy.ts';

/** A client of Nymbl's identity provider and API. */
export interface NymblClient extends VendorClient {
  /** Requests an access token (`/oauth2/token`). Keep it on the server: it gives access to all data of a customer. */
  readonly requestAccessToken: (scope: string, options?: CallOptions) => Promise<GrantedToken>;
  /**
   * Sends a call with a token. `'token_refused'` means that Nymbl refused the token and nothing was forwarded. Rejects with
   * `forbidden` for a call that is not in `allow`.
   */
  readonly send: TokenProxyAbility['send'];
}

/** A customer's name becomes part of a scope, so it is one plain word. */
const customerSchema = z.string().regex(/^[A-Za-z0-9](?:[._-]?[A-Za-z0-9]){0,63}$/);

const customerSourceSchema = z.union([
  z.strictObject({
    claim: z
      .string()
      .min(1)
      .describe(
        "The claim of the caller's token that holds the name of the customer. A name of a claim may be a path with dots.",
      ),
    issuer: z
      .string()
      .min(1)
      .optional()
      .describe(
        'The issuer whose tokens have the claim. Required if the users of several issuers may use this connection.',
      ),
  }),
  z.strictObject({ value: customerSchema.describe('The name of the customer whose data every principal may use.') }),
]);

/** Returns the domain of an environment of Nymbl, such as `nymblqa.com`, or undefined for a host of others. */
function environmentOf(url: string): string | undefined {
  return /(?:^|\.)(nymbl[a-z0-9-]*\.[a-z]+)$/.exec(new URL(url).hostname)?.[1];
}

const acceptedClient = '`clientId` and `clientSecret` are accepted';

const apiKeyNotChecked = (reason: string): Verification => ({
  proven: [acceptedClient],
  notChecked: [`\`apiKey\`, because ${reason}`],
});

/** Nymbl: proxies calls to its API. Its access token gives access to all data of a customer and stays in the broker. */
export const nymbl = defineVendor({
  id: 'nymbl',
  title: 'Nymbl',
  errorBody: errorSchema,
  credentials: {
    clientSecret: secretCredential('The secret of the OAuth client.'),
    apiKey: secretCredential('The API key, which the broker sends as `x-api-key` beside the access token.'),
  },
  options: {
    clientId: z
      .string()
      .trim()
      .min(1)
      .describe('The id of the OAuth client.')
      .meta({ examples: ['our-client'] }),
    baseUrl: baseUrlSchema.default('https://api.nymbldev.com').describe("The base URL of Nymbl's API."),
    tokenUrl: baseUrlSchema
      .default('https://idp.api.nymbldev.com/oauth2/token')
      .describe("The URL of Nymbl's token endpoint."),
    scope: z
      .string()
      .regex(/^[\x21-\x7e]+$/)
      .default('nymbl-customer-api/{customer}')
      .describe('The scope that the broker requests. `{customer}` stands for the name of the customer.'),
    customer: customerSourceSchema
      .describe(
        "The customer whose data a principal may use: the value of a claim of the caller's token, or one customer for all principals.",
      )
      .meta({ examples: [{ value: 'acme-corp' }] }),
    rateLimitScope: z
      .enum(['connection', 'customer'])
      .default('connection')
      .describe(
        'Which calls the broker holds back after a 429 response of the API: all calls of this connection, or only those for the same customer. Nymbl documents limits of its gateway, which counts by API key.',
      ),
    ...forwardOptions,
  },
  check({ baseUrl, tokenUrl }, report) {
    const [api, identityProvider] = [environmentOf(baseUrl), environmentOf(tokenUrl)];
    if (api === undefined || identityProvider === undefined || api === identityProvider) return;
    report('tokenUrl', `must belong to the environment of \`baseUrl\` (${api}), but belongs to ${identityProvider}`);
  },
  connect({ vendor, options, credentials: { clientSecret, apiKey }, openDoor }) {
    const identityProvider = openDoor(options.tokenUrl);
    const forward = createForward(openDoor(options.baseUrl), apiKey, options);

    const requestAccessToken: NymblClient['requestAccessToken'] = (scope, callOptions) => {
      const operation = identityProvider.begin(callOptions);
      return clientSecret.use((secret) =>
        requestClientCredentialsToken(operation, {
          authenticate: () => ({ client_id: options.clientId, client_secret: secret.reveal() }),
          advice: 'Check `clientId` and `clientSecret`, and that they belong to the environment of `tokenUrl`.',
          scope,
          scopeAdvice:
            'Check the customer name and the format of `scope`, and that this client may act for this customer.',
        }),
      );
    };

    /** Verifies the API key with the first allowed call that reads a whole collection. Only a 2xx response proves the key. */
    const verifyApiKey = async (token: ServerToken, signal: AbortSignal | undefined): Promise<Verification> => {
      const readable = options.allow.find(({ method, path }) => method === 'GET' && !/[*{]/.test(path));
      if (readable === undefined) {
        return apiKeyNotChecked('`allow` has no `GET` of a path without placeholders, with which it could be tried');
      }
      const response = await forward({ ...readable, query: '?$top=1', headers: {}, signal }, token);
      if (response === 'token_refused') {
        throw new ValetKeyError('vendor_auth_failed', "Nymbl's API refused the access token.", { vendor: vendor.id });
      }
      await response.body[Symbol.asyncIterator]().return?.();
      if (response.status < 200 || response.status > 299) {
        return apiKeyNotChecked(`the first \`GET\` of \`allow\` received ${response.status}`);
      }
      return { proven: [acceptedClient, '`apiKey` is accepted'] };
    };

    const client: WithoutClose<NymblClient> = {
      requestAccessToken,
      async send(request, token, key) {
        if (isCallAllowed(options.allow, request.method, request.path)) return forward(request, token, key);
        throw new ValetKeyError('forbidden', 'This method and path are not in `allow`.', { vendor: vendor.id });
      },
      async verify({ signal } = {}) {
        if ('value' in options.customer) {
          const { accessToken } = await requestAccessToken(scopeOf(options.scope, options.customer.value), { signal });
          return verifyApiKey({ kind: 'server', vendor: vendor.id, secret: accessToken }, signal);
        }
        try {
          await requestAccessToken(scopeOf(options.scope, 'valetkey-verify'), { signal });
        } catch (failure) {
          // No customer has this name: the vendor says so only to a client that it accepts.
          const cause = ValetKeyError.isInstance(failure) ? failure.cause : undefined;
          if (cause?.type !== 'oauth_error' || cause.error !== 'invalid_scope') throw failure;
        }
        return apiKeyNotChecked('`customer` is a claim, and only the token of a customer reaches the API');
      },
    };
    return { ...client, forward };
  },
  abilities(client, { vendor, options, credentials: { clientSecret } }) {
    const { clientId, customer, scope: template, baseUrl, allow } = options;
    return {
      claims: 'claim' in customer ? [{ option: 'customer', ...customer }] : [],
      proxy: {
        allow,
        baseUrl,
        tokenKey(principal) {
          const scope = scopeOf(template, customerOf(customer, principal));
          return { vendor: vendor.id, client: clientId, scope, resource: baseUrl, secretVersion: clientSecret.version };
        },
        async issueServerToken({ scope = '' }, callOptions) {
          const { accessToken, expiresInSeconds } = await client.requestAccessToken(scope, callOptions);
          return { kind: 'server', vendor: vendor.id, secret: accessToken, expiresInSeconds };
        },
        send: client.forward,
      },
    };
  },
});

export type NymblOptions = z.input<typeof nymbl.options>;

/**
 * Creates a client of Nymbl's identity provider and API. Throws a `TypeError` that names each wrong option.
 *
 * @example
 * ```ts
 * import { createNymblClient } from '@valetkey/vendor-clients';
 *
 * const nymbl = createNymblClient({
 *   clientId: 'our-client',
 *   clientSecret: process.env.NYMBL_CLIENT_SECRET ?? '',
 *   apiKey: process.env.NYMBL_API_KEY ?? '',
 *   customer: { value: 'acme-corp' },
 *   allow: [{ method: 'GET', path: '/Patients' }],
 * });
 * const { accessToken, expiresInSeconds } = await nymbl.requestAccessToken('nymbl-customer-api/acme-corp');
 * ```
 */
export function createNymblClient(options: NymblOptions, dependencies?: ClientDependencies): NymblClient {
  return nymbl.createClient(options, dependencies);
}

function scopeOf(template: string, customer: string): string {
  return template.replaceAll('{customer}', customer);
}

function customerOf(source: z.output<typeof customerSourceSchema>, principal: Principal): string {
  if ('value' in source) return source.value;
  const { claim, issuer = principal.issuer } = source;
  const isAsserted = principal.issuer === issuer;
  const customer = customerSchema.safeParse(isAsserted ? readClaim(principal.claims, claim) : undefined);
  if (customer.success) return customer.data;
  throw new ValetKeyError('forbidden', 'This user belongs to no customer at Nymbl.', {
    vendor: 'nymbl',
    reason: 'customer_claim',
  });
}
