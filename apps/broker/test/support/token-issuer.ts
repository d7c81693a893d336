import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';

/** An identity provider without a server: its public key is in the configuration, and it signs any claims. */
export function createTokenIssuer(issuer = 'https://id.example.com') {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signToken = (typ: string, claims: object) => {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const common = { iss: issuer, sub: 'alice', iat: nowSeconds, exp: nowSeconds + 120, jti: randomUUID() };
    const input = `${encode({ alg: 'ES256', kid: 'k1', typ })}.${encode({ ...common, ...claims })}`;
    const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${input}.${signature.toString('base64url')}`;
  };
  return {
    issuer,
    jwks: { keys: [jwk] },
    accessToken: (claims: object = {}) => signToken('at+jwt', { aud: 'valetkey', ...claims }),
    logoutToken: (claims: object = {}) =>
      signToken('logout+jwt', {
        aud: 'app',
        events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
        ...claims,
      }),
  };
}
