import { randomUUID } from 'node:crypto';
import type { Clock } from '@valetkey/core-types';
import { decodeJwt, exportPKCS8, generateKeyPair, jwtVerify, type CryptoKey } from 'jose';
import { jsonResponse, parseJsonObject, type Call, type SimulatedResponse } from '../../engine/responses.ts';
import { nowSeconds } from '../../engine/now-seconds.ts';
import type { SigningKeys } from '../../engine/signing-keys.ts';

/** A client of Nabla's Core API. It signs its assertions with RS256. */
export interface NablaClient {
  readonly clientId: string;
  /** PKCS #8, in PEM. */
  readonly privateKey: string;
}

export interface NablaServerTokenDependencies {
  readonly clock: Clock;
  readonly keys: SigningKeys;
  /** Returns the URL of the token endpoint, which assertions name as their audience. */
  readonly tokenUrl: () => string;
  readonly failure: (status: number) => SimulatedResponse;
}

const lifetimeSeconds = 3600;
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Simulates the server tokens of Nabla's Core API: client credentials with a signed assertion (RFC 7523). */
export function createNablaServerTokens({ clock, keys, tokenUrl, failure }: NablaServerTokenDependencies) {
  const clients = new Map<string, CryptoKey>();
  const usedAssertions = new Set<string>();

  /** Resolves to the client that signed an assertion. Each assertion is accepted once. */
  async function verifyAssertion(assertion: string): Promise<string | undefined> {
    const key = clients.get(decodeJwt(assertion).sub ?? '');
    if (key === undefined) return undefined;
    const { payload } = await jwtVerify(assertion, key, {
      algorithms: ['RS256'],
      audience: tokenUrl(),
      requiredClaims: ['iss', 'sub', 'exp'],
      currentDate: new Date(clock.nowMs()),
    });
    if (payload.iss !== payload.sub || usedAssertions.has(assertion)) return undefined;
    usedAssertions.add(assertion);
    return payload.sub;
  }

  /** Creates a client, as Nabla's console does. Its private key is returned here and kept nowhere. */
  async function createClient(): Promise<NablaClient> {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const clientId = randomUUID();
    clients.set(clientId, publicKey);
    return { clientId, privateKey: await exportPKCS8(privateKey) };
  }

  async function issueServerToken(call: Call): Promise<SimulatedResponse> {
    const fields = parseJsonObject(call.body);
    if (fields?.['grant_type'] !== 'client_credentials' || fields['client_assertion_type'] !== assertionType) {
      return failure(400);
    }
    const clientId = await verifyAssertion(String(fields['client_assertion'])).catch(() => undefined);
    if (clientId === undefined) return failure(401);
    const iat = nowSeconds(clock);
    const accessToken = await keys.sign(
      { sub: clientId, type: 'server', iat, exp: iat + lifetimeSeconds, jti: randomUUID() },
      { flaw: call.tokenFlaw },
    );
    return jsonResponse(200, { access_token: accessToken, expires_in: lifetimeSeconds });
  }

  async function isServerToken(token: string | undefined): Promise<boolean> {
    return token !== undefined && (await keys.verify(token))?.['type'] === 'server';
  }

  return { createClient, issueServerToken, isServerToken };
}
