import { randomUUID } from 'node:crypto';
import type { Clock } from '@valetkey/core-types';
import {
  jsonResponse,
  noStore,
  oauthError,
  parseForm,
  type Call,
  type SimulatedResponse,
} from '../../engine/responses.ts';
import type { CredentialList } from '../../engine/credential-list.ts';
import { nowSeconds } from '../../engine/now-seconds.ts';
import type { Service } from '../../engine/simulation.ts';
import type { SigningKeys } from '../../engine/signing-keys.ts';
import { nymblIdpFailure } from './nymbl-errors.ts';

/** The user pool that the issuer of the tokens names, as at Amazon Cognito. */
export const nymblUserPoolId = 'us-east-1_SandboxOnly';

export const nymblCustomers = ['acme-corp', 'globex'] as const;

export type NymblCustomer = (typeof nymblCustomers)[number];

/** What the gateway learns about an access token: the customers to whose data it gives access, or why it is refused. */
export type NymblToken = 'expired' | 'invalid' | readonly NymblCustomer[];

export interface NymblIdpDependencies {
  readonly clock: Clock;
  readonly keys: SigningKeys;
  readonly clientIds: CredentialList;
  readonly clientSecrets: CredentialList;
}

export interface NymblIdp {
  readonly service: Service;
  readonly inspect: (token: string) => Promise<NymblToken>;
  /** Refuses every access token that was issued so far. */
  readonly revokeTokens: () => void;
}

const lifetimeSeconds = 300;
const scopePrefix = 'nymbl-customer-api/';

/** Simulates Nymbl's token endpoint, which appears to be Amazon Cognito: client credentials, 300 s, no refresh token. */
export function createNymblIdp({ clock, keys, clientIds, clientSecrets }: NymblIdpDependencies): NymblIdp {
  /** When each issued access token expires, in seconds since 1970, by token id. */
  const issued = new Map<string, number>();

  async function issueToken(call: Call): Promise<SimulatedResponse> {
    const form = parseForm(call);
    const client = form && parseClient(call, form);
    if (form === undefined || client === undefined) return oauthError('invalid_request');
    if (!clientIds.accepts(client.id) || !clientSecrets.accepts(client.secret)) return oauthError('invalid_client');
    if (form.get('grant_type') !== 'client_credentials') return oauthError('unsupported_grant_type');
    const scopes = (form.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
    if (scopes.length === 0 || !scopes.every((scope) => customerOf(scope) !== undefined)) {
      return oauthError('invalid_scope');
    }

    const iat = nowSeconds(clock);
    const jti = randomUUID();
    for (const [id, end] of issued) if (end <= iat) issued.delete(id);
    issued.set(jti, iat + lifetimeSeconds);
    const accessToken = await keys.sign(
      {
        sub: client.id,
        token_use: 'access',
        scope: (call.wrongUser ? otherScopes(scopes) : scopes).join(' '),
        auth_time: iat,
        iss: `https://cognito-idp.us-east-1.amazonaws.com/${nymblUserPoolId}`,
        exp: iat + lifetimeSeconds,
        iat,
        version: 2,
        jti,
        client_id: client.id,
      },
      { typ: null, flaw: call.tokenFlaw },
    );
    return jsonResponse(200, { access_token: accessToken, expires_in: lifetimeSeconds, token_type: 'Bearer' }, noStore);
  }

  return {
    service: {
      failure: nymblIdpFailure,
      routes: {
        'POST /oauth2/token': issueToken,
        'GET /.well-known/jwks.json': async () => jsonResponse(200, await keys.jwks()),
      },
    },
    async inspect(token) {
      const outcome = await keys.check(token);
      if (outcome === 'expired' || outcome === 'invalid') return outcome;
      if (outcome.jti === undefined || !issued.has(outcome.jti)) return 'invalid';
      return String(outcome['scope'])
        .split(' ')
        .map(customerOf)
        .filter((customer) => customer !== undefined);
    },
    revokeTokens: () => issued.clear(),
  };
}

/** Parses `client_secret_post` or `client_secret_basic`. Returns undefined for both at once (RFC 6749 section 2.3). */
function parseClient(call: Call, form: URLSearchParams): { id: string; secret: string } | undefined {
  const basic = /^basic +([^ ]+)$/i.exec(call.headers.authorization ?? '')?.[1];
  if (basic === undefined) return { id: form.get('client_id') ?? '', secret: form.get('client_secret') ?? '' };
  if (form.has('client_secret')) return undefined;
  const [id = '', ...secret] = Buffer.from(basic, 'base64').toString().split(':');
  const [decodedId, decodedSecret] = new URLSearchParams(`id=${id}&secret=${secret.join(':')}`).values();
  return { id: decodedId ?? '', secret: decodedSecret ?? '' };
}

function otherScopes(scopes: readonly string[]): readonly string[] {
  return nymblCustomers.map((customer) => `${scopePrefix}${customer}`).filter((scope) => !scopes.includes(scope));
}

function customerOf(scope: string): NymblCustomer | undefined {
  return nymblCustomers.find((customer) => scope === `${scopePrefix}${customer}`);
}
