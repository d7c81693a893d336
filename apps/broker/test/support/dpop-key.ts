import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';

/** A key of an app, to which an identity provider binds tokens (RFC 9449). */
export function createDpopKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const digest = (text: string) => createHash('sha256').update(text).digest('base64url');
  return {
    /** The JWK thumbprint (RFC 7638). */
    thumbprint: digest(JSON.stringify({ crv, kty, x, y })),
    privateJwk: privateKey.export({ format: 'jwk' }),
    publicJwk: publicKey.export({ format: 'jwk' }),
    /** Returns a proof of a request. `claims` and `header` replace members, also by undefined. */
    prove: (request: ProvenRequest, claims: object = {}, header: object = {}): string => {
      const { method, url, token } = request;
      const common = { jti: randomUUID(), htm: method, htu: url, iat: Math.floor(Date.now() / 1000) };
      const input = [
        encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y }, ...header }),
        encode({ ...common, ...(token !== undefined && { ath: digest(token) }), ...claims }),
      ].join('.');
      const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${input}.${signature.toString('base64url')}`;
    },
  };
}

export type DpopKey = ReturnType<typeof createDpopKey>;

/** The request that a proof is for. */
interface ProvenRequest {
  readonly method: string;
  readonly url: string;
  /** Absent: the proof is for a token endpoint. */
  readonly token?: string;
}
