import {
  secretSlotsSchema,
  type Secret,
  ValetKeyError,
  type CallOptions,
  type Principal,
  type ProxyAbility,
  type ProxyResponse,
  type ServerToken,
  type Vendor,
  type VendorDefinition,
} from '@valetkey/core-types';
import { z } from 'zod';
import { allowedCallSchema, isCallAllowed } from '../allowed-calls.ts';
import { requestClientCredentialsToken, type GrantedToken } from '../client-credentials.ts';
import { tryReadJson } from '../door/answer.ts';
import { openDoor, type ClientEnvironment, type StreamAnswer } from '../door/door.ts';
import { readBody } from '../door/read-body.ts';
import { fingerprint } from '../fingerprint.ts';
import { forwardCall, toProxyResponse } from '../forward-call.ts';
import { passResponseHeaders } from '../proxy-headers.ts';
import { useSecretSlots } from '../secret-slots.ts';
import { baseUrlSchema, parseOptions, timeoutMsSchema } from '../vendor-options.ts';

const vendor = { id: 'nymbl', title: 'Nymbl' } as const;

/** A customer's name becomes part of a scope, so it is one plain word. */
const customerSchema = z.string().regex(/^[A-Za-z0-9](?:[._-]?[A-Za-z0-9]){0,63}$/);

const optionsSchema = z.strictObject({
  clientId: z.string().trim().min(1),
  clientSecret: secretSlotsSchema,
  /** Sent as `x-api-key` beside the access token. */
  apiKey: secretSlotsSchema,
  baseUrl: baseUrlSchema.default('https://api.nymbldev.com'),
  tokenUrl: baseUrlSchema.default('https://idp.api.nymbldev.com/oauth2/token'),
  /** The scope to ask for; `{customer}` stands for the customer. */
  scope: z
    .string()
    .regex(/^[\x21-\x7e]+$/)
    .default('nymbl-customer-api/{customer}'),
  /**
   * Whose data a caller works on: the value of one of the principal's claims, or one customer for everybody. Where
   * several issuers sign callers in, `issuer` says whose claim it is.
   */
  customer: z.union([
    z.strictObject({ claim: z.string().min(1), issuer: z.string().min(1).optional() }),
    z.strictObject({ value: customerSchema }),
  ]),
  /** The calls that pass; nothing else does. */
  allow: z.array(allowedCallSchema).default([]),
  timeoutMs: timeoutMsSchema,
  /** Total time for the body of a proxied answer, in milliseconds from its head. */
  streamTimeoutMs: z.number().int().min(1).max(600_000).default(60_000),
  /** Most bytes of a proxied request's body. */
  maxRequestBytes: z.number().int().min(0).max(104_857_600).default(1_048_576),
  /** Most bytes of a proxied answer's body. */
  maxResponseBytes: z.number().int().min(0).max(1_073_741_824).default(16_777_216),
});

export type NymblOptions = z.input<typeof optionsSchema>;

export interface NymblClient {
  /** Asks for an access token of the scope (`/oauth2/token`). Keep it on the server: it opens the whole customer. */
  readonly requestAccessToken: (scope: string, options?: CallOptions) => Promise<GrantedToken>;
  /** Sends an allowed call with a token. `'token_refused'`: the token is not taken; nothing was passed on. */
  readonly send: ProxyAbility['send'];
  readonly verify: (options?: CallOptions) => Promise<void>;
  readonly close: () => Promise<void>;
}

const applicationErrorSchema = z.object({ error: z.object({ code: z.string() }) });

/** What the API gateway says of a path that it does not have; to everything else it says 403 about the key. */
const unknownRouteSchema = z.object({ message: z.literal('Missing Authentication Token') });

/**
 * Makes a client of Nymbl's identity provider and API. Throws a `TypeError` for options that cannot work.
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
export function createNymblClient(options: NymblOptions, environment?: ClientEnvironment): NymblClient {
  return connect(parseOptions(vendor.title, optionsSchema, options), environment);
}

type ParsedOptions = z.output<typeof optionsSchema>;

function connect(options: ParsedOptions, environment: ClientEnvironment = {}): NymblClient {
  const { clientId, timeoutMs } = options;
  const identityProvider = openDoor({ vendor, baseUrl: options.tokenUrl, timeoutMs }, environment);
  const api = openDoor({ vendor, baseUrl: options.baseUrl, timeoutMs }, environment);
  const useSlots = (option: 'clientSecret' | 'apiKey') =>
    useSecretSlots(options[option], (slot) =>
      environment.onEvent?.({ type: 'secret_switched', vendor: vendor.id, option, slot }),
    );
  const clientSecret = useSlots('clientSecret');
  const apiKey = useSlots('apiKey');

  const requestAccessToken: NymblClient['requestAccessToken'] = (scope, callOptions) => {
    const operation = identityProvider.begin(callOptions);
    return clientSecret.use((secret) =>
      requestClientCredentialsToken(operation, {
        authenticate: () => ({ client_id: clientId, client_secret: secret.reveal() }),
        advice: 'Check `clientId` and `clientSecret`, and that they are of the environment that `tokenUrl` names.',
        scope,
      }),
    );
  };

  const client: NymblClient = {
    requestAccessToken,

    async send(request, token) {
      if (!isCallAllowed(options.allow, request.method, request.path)) {
        throw new ValetKeyError('forbidden', 'This method and path are not on the list of allowed calls.', {
          vendor: vendor.id,
        });
      }
      const operation = api.begin({ signal: request.signal });
      let isTokenRefused = false;
      let unclear: ProxyResponse | undefined;
      const call = async (key: Secret): Promise<ProxyResponse> => {
        const credentials = { authorization: `Bearer ${token.secret.reveal()}`, 'x-api-key': key.reveal() };
        const answer = await forwardCall(operation, request, credentials, options);
        if (answer.status === 401) {
          answer.discard();
          isTokenRefused = true;
          throw new ValetKeyError('vendor_auth_failed', 'Nymbl refused the access token.', { vendor: vendor.id });
        }
        if (answer.status !== 403) return toProxyResponse(answer, options);
        if (request.method !== 'HEAD') return readForbidden(answer);
        // No body tells whose refusal it is: with another key at hand it may be the key's, else it is passed on.
        if (options.apiKey.next === undefined) return toProxyResponse(answer, options);
        answer.discard();
        unclear = { status: 403, headers: passResponseHeaders(answer.headers), body: noBody() };
        throw refusedKeyError();
      };
      try {
        // A wrong key can be a 401 too, so the other key is tried before the token is given up.
        return await apiKey.use(call, { repeatable: request.body === undefined || request.body instanceof Uint8Array });
      } catch (failure) {
        // Of two keys one may be refused because it is not in use yet; the token is what the other was refused for.
        const isRefusal = ValetKeyError.isInstance(failure) && failure.code === 'vendor_auth_failed';
        if (isRefusal && isTokenRefused) return 'token_refused';
        if (isRefusal && unclear !== undefined) return unclear;
        throw failure;
      }
    },

    async verify({ signal } = {}) {
      if ('value' in options.customer) {
        const { accessToken } = await requestAccessToken(scopeOf(options.scope, options.customer.value), { signal });
        await verifyApiKey({ kind: 'server', vendor: vendor.id, secret: accessToken }, signal);
        return;
      }
      try {
        await requestAccessToken(scopeOf(options.scope, 'valetkey-verify'), { signal });
      } catch (failure) {
        // Without a customer of its own the probe names none that exists: being told so is being let in.
        if (!ValetKeyError.isInstance(failure) || failure.reason !== 'invalid_scope') throw failure;
      }
    },

    close: async () => {
      await Promise.all([identityProvider.close(), api.close()]);
    },
  };

  /** Tries the API key by the first allowed call that reads a whole collection. What it answers does not matter. */
  async function verifyApiKey(token: ServerToken, signal: AbortSignal | undefined): Promise<void> {
    const readable = options.allow.find(({ method, path }) => method === 'GET' && !/[*{]/.test(path));
    if (readable === undefined) return;
    const response = await client.send({ ...readable, query: '?$top=1', headers: {}, signal }, token);
    if (response === 'token_refused') {
      throw new ValetKeyError('vendor_auth_failed', "Nymbl's API refused the access token.", { vendor: vendor.id });
    }
    await response.body[Symbol.asyncIterator]().return?.();
  }
  return client;
}

/** A 403 is the API's answer to the caller, or the gateway's about our key; their bodies tell which. */
async function readForbidden(answer: StreamAnswer): Promise<ProxyResponse> {
  const { 'content-encoding': encoding, ...headers } = passResponseHeaders(answer.headers);
  const body = await readBody(vendor, answer.body, encoding);
  const whole = { ...answer, body };
  if (tryReadJson(whole, applicationErrorSchema).success) {
    return { status: 403, headers: { ...headers, 'content-length': String(body.length) }, body: once(body) };
  }
  if (tryReadJson(whole, unknownRouteSchema).success) {
    throw new ValetKeyError('vendor_rejected', 'Nymbl has no such path.', {
      vendor: vendor.id,
      reason: 'gateway_route',
    });
  }
  throw refusedKeyError();
}

function refusedKeyError(): ValetKeyError {
  return new ValetKeyError('vendor_auth_failed', 'Nymbl refused our API key.', {
    vendor: vendor.id,
    reason: 'status_403',
    advice: 'Check `apiKey`, and that it belongs to this client and environment.',
  });
}

async function* noBody(): AsyncGenerator<Uint8Array> {}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}

function scopeOf(template: string, customer: string): string {
  return template.replaceAll('{customer}', customer);
}

function customerOf(options: ParsedOptions, principal: Principal): string {
  if ('value' in options.customer) return options.customer.value;
  const { claim, issuer = principal.issuer } = options.customer;
  const isSaid = principal.issuer === issuer && Object.hasOwn(principal.claims, claim);
  const customer = customerSchema.safeParse(isSaid ? principal.claims[claim] : undefined);
  if (customer.success) return customer.data;
  throw new ValetKeyError('forbidden', 'This user belongs to no customer at Nymbl.', {
    vendor: vendor.id,
    reason: 'customer_claim',
  });
}

/** Nymbl: calls its API on the caller's behalf. Its access token opens a whole customer and stays in the broker. */
export const nymbl = {
  ...vendor,
  options: optionsSchema,
  credentials: ['clientSecret', 'apiKey'],
  create(options, environment?: ClientEnvironment): Vendor {
    const client = connect(options, environment);
    const { clientId } = options;
    const secretVersion = fingerprint(clientId, options.clientSecret.current.reveal());
    return {
      id: vendor.id,
      claims: 'claim' in options.customer ? [{ option: 'customer', ...options.customer }] : [],
      proxy: {
        allow: options.allow,
        tokenKey: (principal) => ({
          vendor: vendor.id,
          client: clientId,
          scope: scopeOf(options.scope, customerOf(options, principal)),
          resource: options.baseUrl,
          secretVersion,
        }),
        async issueServerToken({ scope = '' }, callOptions): Promise<ServerToken> {
          const { accessToken, expiresInSeconds } = await client.requestAccessToken(scope, callOptions);
          return { kind: 'server', vendor: vendor.id, secret: accessToken, expiresInSeconds };
        },
        send: client.send,
      },
      verify: client.verify,
      close: client.close,
    };
  },
} as const satisfies VendorDefinition<typeof optionsSchema>;
