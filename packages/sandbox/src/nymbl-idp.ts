import { randomUUID } from 'node:crypto';
import { json, noStore, oauthError, parseForm, type Answer, type Call } from './answer.ts';
import { sandboxCredentials } from './credentials.ts';
import { createSigningKeys, type SigningKeys } from './keys.ts';
import { nymblIdpFailure } from './nymbl-errors.ts';
import { nowSeconds, type Simulation, type SimulationEnvironment } from './simulation.ts';

/** The user pool that the simulated tokens name as their issuer, as Amazon Cognito's do. */
export const nymblUserPoolId = 'us-east-1_SandboxOnly';

export const nymblCustomers = ['acme-corp', 'globex'] as const;

export type NymblCustomer = (typeof nymblCustomers)[number];

/** What an access token is found to be. */
export type NymblToken = 'expired' | 'invalid' | readonly NymblCustomer[];

export interface NymblIdp {
  readonly simulation: Simulation;
  readonly keys: SigningKeys;
  /** Which customers' data a token opens. */
  readonly inspect: (token: string) => Promise<NymblToken>;
  readonly revokeTokens: () => void;
  readonly setClientSecrets: (secrets: readonly string[]) => void;
}

const lifetimeSeconds = 300;
const scopePrefix = 'nymbl-customer-api/';

/** Simulates Nymbl's token endpoint, an Amazon Cognito by its looks: client credentials, 300 s, no refresh token. */
export const createNymblIdp = ({ clock }: SimulationEnvironment): NymblIdp => {
  const keys = createSigningKeys(clock, ['RS256']);
  const { clientId } = sandboxCredentials.nymbl;
  let clientSecrets: readonly string[] = [sandboxCredentials.nymbl.clientSecret];
  /** Access tokens by id, with their end in seconds. */
  const issued = new Map<string, number>();

  const issue = async (call: Call): Promise<Answer> => {
    const form = parseForm(call);
    if (form === undefined) return oauthError('invalid_request');
    const client = readClient(call, form);
    if (client === undefined) return oauthError('invalid_request');
    if (client.id !== clientId || !clientSecrets.includes(client.secret)) return oauthError('invalid_client');
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
        sub: clientId,
        token_use: 'access',
        scope: (call.wrongUser ? otherScopes(scopes) : scopes).join(' '),
        auth_time: iat,
        iss: `https://cognito-idp.us-east-1.amazonaws.com/${nymblUserPoolId}`,
        exp: iat + lifetimeSeconds,
        iat,
        version: 2,
        jti,
        client_id: clientId,
      },
      { typ: null, flaw: call.tokenFlaw },
    );
    return json(200, { access_token: accessToken, expires_in: lifetimeSeconds, token_type: 'Bearer' }, noStore);
  };

  return {
    keys,
    simulation: {
      vendor: 'nymbl-idp',
      failure: nymblIdpFailure,
      routes: {
        'POST /oauth2/token': issue,
        'GET /.well-known/jwks.json': async () => json(200, await keys.jwks()),
      },
    },
    inspect: async (token) => {
      const outcome = await keys.check(token);
      if (typeof outcome === 'string') return outcome;
      if (outcome.jti === undefined || !issued.has(outcome.jti)) return 'invalid';
      return String(outcome['scope'])
        .split(' ')
        .map(customerOf)
        .filter((customer) => customer !== undefined);
    },
    revokeTokens: () => issued.clear(),
    setClientSecrets: (secrets) => {
      clientSecrets = [...secrets];
    },
  };
};

/** Reads `client_secret_post`, or `client_secret_basic`; both at once are one too many (RFC 6749 section 2.3). */
const readClient = (call: Call, form: URLSearchParams): { id: string; secret: string } | undefined => {
  const basic = /^basic +([^ ]+)$/i.exec(call.headers.authorization ?? '')?.[1];
  if (basic === undefined) return { id: form.get('client_id') ?? '', secret: form.get('client_secret') ?? '' };
  if (form.has('client_secret')) return undefined;
  const [id = '', ...secret] = Buffer.from(basic, 'base64').toString().split(':');
  const [decodedId, decodedSecret] = new URLSearchParams(`id=${id}&secret=${secret.join(':')}`).values();
  return { id: decodedId ?? '', secret: decodedSecret ?? '' };
};

const otherScopes = (scopes: readonly string[]): readonly string[] =>
  nymblCustomers.map((customer) => `${scopePrefix}${customer}`).filter((scope) => !scopes.includes(scope));

const customerOf = (scope: string): NymblCustomer | undefined =>
  nymblCustomers.find((customer) => scope === `${scopePrefix}${customer}`);
