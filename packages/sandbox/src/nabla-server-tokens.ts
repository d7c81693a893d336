import { randomUUID } from 'node:crypto';
import { decodeJwt, exportPKCS8, generateKeyPair, jwtVerify, type CryptoKey } from 'jose';
import { json, parseJsonObject, type Answer, type Call } from './answer.ts';
import type { SigningKeys } from './keys.ts';
import { nowSeconds, type SimulationEnvironment } from './simulation.ts';

/** A client of Nabla's Core API. It signs its assertions with RS256. */
export interface NablaClient {
  readonly clientId: string;
  /** PKCS #8, PEM. */
  readonly privateKey: string;
}

const lifetimeSeconds = 3600;
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Simulates the server tokens of Nabla's Core API: client credentials by a signed assertion (RFC 7523). */
export const createNablaServerTokens = (
  { clock, origin }: SimulationEnvironment,
  keys: SigningKeys,
  failure: (status: number) => Answer,
) => {
  const clients = new Map<string, CryptoKey>();
  const usedAssertions = new Set<string>();

  /** The client that an assertion is of. An assertion counts once. */
  const verifyAssertion = async (assertion: string): Promise<string | undefined> => {
    const key = clients.get(decodeJwt(assertion).sub ?? '');
    if (key === undefined) return undefined;
    const { payload } = await jwtVerify(assertion, key, {
      algorithms: ['RS256'],
      audience: `${origin()}/nabla/v1/core/server/oauth/token`,
      requiredClaims: ['iss', 'sub', 'exp'],
      currentDate: new Date(clock.nowMs()),
    });
    if (payload.iss !== payload.sub || usedAssertions.has(assertion)) return undefined;
    usedAssertions.add(assertion);
    return payload.sub;
  };

  return {
    createClient: async (): Promise<NablaClient> => {
      const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
      const clientId = randomUUID();
      clients.set(clientId, publicKey);
      return { clientId, privateKey: await exportPKCS8(privateKey) };
    },

    token: async (call: Call): Promise<Answer> => {
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
      return json(200, { access_token: accessToken, expires_in: lifetimeSeconds });
    },

    isServerToken: async (token: string | undefined): Promise<boolean> =>
      token !== undefined && (await keys.verify(token))?.['type'] === 'server',
  };
};
