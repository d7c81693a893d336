import { describe, expect, test } from 'vitest';
import { createHarness, refusalOf, rejection, testIssuer } from '../testing/harness.ts';
import { createSigningKey, encodeSegment, signText, signToken } from '../testing/signing.ts';

const { verifier, clock, key, claims, token } = createHarness();
const now = clock.nowSeconds();

const otherKey = createSigningKey('k1');
const rsaKey = createSigningKey('k1', 'RS256');

/** Returns claims as text, to write what `JSON.stringify` never writes. */
function claimsText(insert: string): string {
  return JSON.stringify(claims()).replace('}', `,${insert}}`);
}

const segments = token().split('.');

describe('refused tokens', () => {
  test.each<[string, string, string]>([
    // Size and form
    ['an empty string', '', 'malformed_token'],
    ['a token over maxTokenLength', `${token()}${'A'.repeat(16_384)}`, 'token_too_large'],
    ['two segments', segments.slice(0, 2).join('.'), 'malformed_token'],
    ['an empty signature', `${segments[0]}.${segments[1]}.`, 'malformed_token'],
    ['an empty payload', `${segments[0]}..${segments[2]}`, 'malformed_token'],
    ['five segments (a JWE)', [...segments, 'AA', 'AA'].join('.'), 'encrypted_token'],
    ['a thousand dots', '.'.repeat(1000), 'malformed_token'],
    ['a line break inside', `${token().slice(0, 40)}\n${token().slice(40)}`, 'malformed_token'],
    ['a line break at the end', `${token()}\n`, 'malformed_token'],
    ['a space at the start', ` ${token()}`, 'malformed_token'],
    ['padding', `${token()}==`, 'malformed_token'],
    ['the alphabet of base64', `${segments[0]}.${segments[1]}.+/${segments[2]?.slice(2)}`, 'malformed_token'],
    ['quotes around the token', `"${token()}"`, 'malformed_token'],
    ['a segment of an impossible length', `${segments[0]}.${segments[1]}.A`, 'malformed_token'],
    ['a letter outside ASCII', `${segments[0]}.${segments[1]}.é`, 'malformed_token'],
    // Header
    ['a header that is not JSON', signToken(key, claims(), '{'), 'malformed_header'],
    ['a header that is an array', signToken(key, claims(), '[]'), 'malformed_header'],
    ['a header that is null', signToken(key, claims(), 'null'), 'malformed_header'],
    ['a kid that is null', token({}, { kid: null }), 'malformed_header'],
    ['a typ that is null', token({}, { typ: null }), 'malformed_header'],
    ['a header without alg', signToken(key, claims(), '{"kid":"k1","typ":"at+jwt"}'), 'malformed_header'],
    [
      'two algs',
      signToken(key, claims(), '{"alg":"none","alg":"ES256","kid":"k1","typ":"at+jwt"}'),
      'malformed_header',
    ],
    ['an alg that is a list', token({}, { alg: ['ES256'] }), 'malformed_header'],
    ['a kid that is a number', token({}, { kid: 1 }), 'malformed_header'],
    ['an empty kid', token({}, { kid: '' }), 'malformed_header'],
    ['a kid of 257 characters', token({}, { kid: 'k'.repeat(257) }), 'malformed_header'],
    ['a typ that is a number', token({}, { typ: 1 }), 'malformed_header'],
    ['crit', token({}, { crit: ['exp'] }), 'critical_header'],
    ['an empty crit', token({}, { crit: [] }), 'critical_header'],
    ['an unencoded payload', token({}, { b64: false }), 'critical_header'],
    [
      'a header that is not UTF-8',
      signText(`${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${segments[1]}`, key),
      'malformed_header',
    ],
    // Algorithm and key
    ['alg none', `${encodeSegment('{"alg":"none","typ":"at+jwt"}')}.${segments[1]}.AAAA`, 'algorithm_not_allowed'],
    ['a symmetric alg', token({}, { alg: 'HS256' }), 'algorithm_not_allowed'],
    ['an alg that is the name of an inherited property', token({}, { alg: 'constructor' }), 'algorithm_not_allowed'],
    ['an alg in lower case', token({}, { alg: 'es256' }), 'algorithm_not_allowed'],
    ['an alg that the issuer does not allow', token({}, { alg: 'ES512' }), 'algorithm_not_allowed'],
    ['an alg of another key type', signToken(rsaKey, claims()), 'unknown_key'],
    ['an unknown kid', token({}, { kid: 'k2' }), 'unknown_key'],
    ['a kid that is a path', token({}, { kid: '../../k1' }), 'unknown_key'],
    ['the signature of another key', signToken(otherKey, claims()), 'wrong_signature'],
    [
      'a key in the header',
      signToken(otherKey, claims(), { alg: 'ES256', kid: 'k1', typ: 'at+jwt', jwk: otherKey.jwk }),
      'wrong_signature',
    ],
    ['a signature of zeros', `${segments[0]}.${segments[1]}.${'A'.repeat(86)}`, 'wrong_signature'],
    ['a signature of three bytes', `${segments[0]}.${segments[1]}.AAAA`, 'wrong_signature'],
    [
      'replaced claims',
      `${segments[0]}.${encodeSegment(JSON.stringify(claims({ sub: 'bob' })))}.${segments[2]}`,
      'wrong_signature',
    ],
    // Claims
    ['claims that are not JSON', signToken(key, 'hello'), 'malformed_claims'],
    ['claims that are an array', signToken(key, '[]'), 'malformed_claims'],
    ['two subs', signToken(key, claimsText('"sub":"bob"')), 'malformed_claims'],
    ['two nested members of one name', signToken(key, claimsText('"a":[{"b":1,"b":2}]')), 'malformed_claims'],
    [
      'two members of one name, one of them escaped',
      signToken(key, claimsText(String.raw`"\u0073ub":"bob"`)),
      'malformed_claims',
    ],
    [
      'claims nested too deep',
      signToken(key, claimsText(`"a":${'['.repeat(40)}${']'.repeat(40)}`)),
      'malformed_claims',
    ],
    ['no iss', token({ iss: undefined }), 'unknown_issuer'],
    ['another iss', token({ iss: 'https://evil.example.com' }), 'unknown_issuer'],
    ['an iss with an additional slash', token({ iss: `${testIssuer}/` }), 'unknown_issuer'],
    ['an iss that is a list', token({ iss: [testIssuer] }), 'unknown_issuer'],
    ['no aud', token({ aud: undefined }), 'wrong_audience'],
    ['another aud', token({ aud: 'other' }), 'wrong_audience'],
    ['part of an aud', token({ aud: 'api.example.com' }), 'wrong_audience'],
    ['an empty list of auds', token({ aud: [] }), 'wrong_audience'],
    ['an aud that is an object', token({ aud: { api: true } }), 'wrong_audience'],
    ['no sub', token({ sub: undefined }), 'malformed_subject'],
    ['an empty sub', token({ sub: '' }), 'malformed_subject'],
    ['a sub that is a number', token({ sub: 7 }), 'malformed_subject'],
    ['a sub that is null', token({ sub: null }), 'malformed_subject'],
    ['a sub that is a list', token({ sub: ['alice'] }), 'malformed_subject'],
    ['a sub of 256 characters', token({ sub: 'a'.repeat(256) }), 'malformed_subject'],
    [
      'a sub with a lone surrogate',
      signToken(key, JSON.stringify(claims()).replace('alice', String.raw`\ud800`)),
      'malformed_subject',
    ],
    // Dates
    ['no exp', token({ exp: undefined }), 'malformed_date'],
    ['an exp that is a string', token({ exp: `${now + 300}` }), 'malformed_date'],
    ['an exp that is null', token({ exp: null }), 'malformed_date'],
    ['an exp in milliseconds', token({ exp: (now + 300) * 1000 }), 'malformed_date'],
    ['an infinite exp', signToken(key, JSON.stringify(claims()).replace(`${now + 300}`, '1e400')), 'malformed_date'],
    ['a negative iat', token({ iat: -1 }), 'malformed_date'],
    ['an nbf that is a string', token({ nbf: 'now' }), 'malformed_date'],
    ['an exp at the limit of the tolerance', token({ exp: now - 5 }), 'expired'],
    ['an exp before iat', token({ iat: now + 3, exp: now + 2 }), 'malformed_date'],
    ['an nbf past the tolerance', token({ nbf: now + 6 }), 'not_yet_valid'],
    ['an iat past the tolerance', token({ iat: now + 6 }), 'issued_in_future'],
    ['a lifetime over the limit', token({ exp: now + 86_401 }), 'lifetime_too_long'],
    ['a lifetime over the limit without iat', token({ iat: undefined, exp: now + 86_401 }), 'lifetime_too_long'],
    // Kind
    ['a token without typ', token({}, { typ: undefined }), 'wrong_token_type'],
    ['typ JWT', token({}, { typ: 'JWT' }), 'wrong_token_type'],
    ['a logout token', token({}, { typ: 'logout+jwt' }), 'wrong_token_type'],
    ['a security event token', token({}, { typ: 'secevent+jwt' }), 'wrong_token_type'],
    ['a DPoP proof', token({}, { typ: 'dpop+jwt' }), 'wrong_token_type'],
    ['a typ that only ends like the right one', token({}, { typ: 'x-application/at+jwt' }), 'wrong_token_type'],
    ['a token bound by DPoP', token({ cnf: { jkt: 'x' } }), 'bound_token'],
    ['a token bound to a certificate', token({ cnf: { 'x5t#S256': 'x' } }), 'bound_token'],
    ['an empty binding', token({ cnf: {} }), 'bound_token'],
    ['a binding of null', token({ cnf: null }), 'bound_token'],
  ])('verify() refuses %s', async (_, text, reason) => {
    await expect(refusalOf(verifier, text)).resolves.toBe(`invalid_token ${reason}`);
  });

  test('verify() refuses a token that is not a string', async () => {
    await expect(refusalOf(verifier, undefined as never)).resolves.toBe('invalid_token token_too_large');
  });
});

describe('stray bits', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

  /** Appends spaces until the length of the text leaves spare bits in its encoding. */
  function withSpareBits(value: object): string {
    const text = JSON.stringify(value);
    return text + ' '.repeat(text.length % 3 === 1 ? 0 : (4 - (text.length % 3)) % 3);
  }

  const header = withSpareBits({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' });
  const good = signToken(key, withSpareBits(claims()), header).split('.');

  test('a token without stray bits is accepted', async () => {
    await expect(refusalOf(verifier, good.join('.'))).resolves.toBeUndefined();
  });

  test.each([0, 1, 2])('a token with stray bits in the last character of segment %i is refused', async (index) => {
    const parts = good.map((part, at) => {
      const last = alphabet.indexOf(part.charAt(part.length - 1));
      return at === index ? part.slice(0, -1) + alphabet.charAt(last + 1) : part;
    });
    expect(parts.map((part) => Buffer.from(part, 'base64url'))).toEqual(
      good.map((part) => Buffer.from(part, 'base64url')),
    );
    await expect(refusalOf(verifier, parts.join('.'))).resolves.toBe('invalid_token malformed_token');
  });
});

test('a token of exactly maxTokenLength is accepted, and a token of one character more is refused', async () => {
  const text = token();
  const exact = createHarness({}, { maxTokenLength: text.length }, key);
  await expect(refusalOf(exact.verifier, text)).resolves.toBeUndefined();
  const shorter = createHarness({}, { maxTokenLength: text.length - 1 }, key);
  await expect(refusalOf(shorter.verifier, text)).resolves.toBe('invalid_token token_too_large');
});

test('a token for one of several audiences is accepted', async () => {
  const several = createHarness({ audiences: ['web', 'api'] });
  await expect(refusalOf(several.verifier, several.token())).resolves.toBeUndefined();
  expect((await rejection(several.verifier.verify(several.token({ aud: 'x' })))).message).toContain('web or api');
});

test('a kid of 256 characters and a date in 1970 are accepted', async () => {
  const named = createSigningKey('k'.repeat(256));
  const long = createHarness({ maxLifetimeSeconds: null }, {}, named);
  await expect(refusalOf(long.verifier, long.token({ iat: 0 }))).resolves.toBeUndefined();
});

describe('accepted tokens', () => {
  test.each<[string, string]>([
    ['a plain access token', token()],
    ['a typ with application/ and in capitals', token({}, { typ: 'application/AT+JWT' })],
    ['a token without kid', token({}, { kid: undefined })],
    ['a jti that is a number', token({ jti: 1 })],
    ['one aud of several', token({ aud: ['other', 'api'] })],
    ['an exp just within the tolerance', token({ iat: now - 300, exp: now - 4 })],
    ['an exp that is equal to iat', token({ iat: now + 1, exp: now + 1 })],
    ['an nbf just within the tolerance', token({ nbf: now + 5 })],
    ['an iat just within the tolerance', token({ iat: now + 5 })],
    ['a lifetime of exactly the limit', token({ exp: now + 86_400 })],
    ['dates with fractions', token({ exp: now + 0.5, iat: now - 0.5 })],
    ['neither iat nor jti', token({ iat: undefined, jti: undefined })],
    ['a sub of 255 characters', token({ sub: 'a'.repeat(255) })],
    [
      'jku and x5u, which are ignored',
      token({}, { jku: 'https://evil.example.com/jwks', x5u: 'https://evil.example.com' }),
    ],
    ['colons and quotes inside a string', token({ note: 'a:"b":{c}[\\' })],
    ['claims of 32 levels', signToken(key, claimsText(`"a":${'['.repeat(31)}${']'.repeat(31)}`))],
  ])('verify() accepts %s', async (_, text) => {
    await expect(refusalOf(verifier, text)).resolves.toBeUndefined();
  });

  test.each(['__proto__', 'constructor', '../../x', '%2e%2e', 'a|b', 'a\r\nb', '😀', ' ', 'é', 'e\u0301'])(
    'verify() returns the sub %j unchanged',
    async (sub) => {
      await expect(verifier.verify(token({ sub }))).resolves.toMatchObject({ subject: sub });
    },
  );

  test('a claim named __proto__ does not reach the prototype', async () => {
    const principal = await verifier.verify(signToken(key, claimsText('"__proto__":{"admin":true}')));
    expect(Object.hasOwn(principal.claims, '__proto__')).toBe(true);
    expect(principal.claims['admin']).toBeUndefined();
  });
});

describe('tokenType any', () => {
  const any = createHarness({ tokenType: 'any' });

  test.each<[string, string]>([
    ['a token without typ', any.token({}, { typ: undefined })],
    ['typ JWT', any.token({}, { typ: 'JWT' })],
    ['typ at+jwt', any.token({ nonce: 'n' })],
    ["Keycloak's claim typ Bearer", any.token({ typ: 'Bearer' }, { typ: 'JWT' })],
  ])('tokenType "any" accepts %s', async (_, text) => {
    await expect(refusalOf(any.verifier, text)).resolves.toBeUndefined();
  });

  test.each<[string, string]>([
    ['typ logout+jwt', any.token({}, { typ: 'logout+jwt' })],
    ['typ secevent+jwt', any.token({}, { typ: 'secevent+jwt' })],
    ['typ dpop+jwt', any.token({}, { typ: 'dpop+jwt' })],
    ['an unknown typ', any.token({}, { typ: 'x' })],
    ['nonce', any.token({ nonce: 'n' }, { typ: 'JWT' })],
    ['at_hash', any.token({ at_hash: 'h' }, { typ: 'JWT' })],
    ['c_hash', any.token({ c_hash: 'h' }, { typ: 'JWT' })],
    ['s_hash', any.token({ s_hash: 'h' }, { typ: 'JWT' })],
    ['token_use id', any.token({ token_use: 'id' }, { typ: undefined })],
    ['the claim typ ID', any.token({ typ: 'ID' }, { typ: 'JWT' })],
    ['the claim typ Refresh', any.token({ typ: 'Refresh' }, { typ: 'JWT' })],
    ['the claim typ Offline', any.token({ typ: 'Offline' }, { typ: 'JWT' })],
    ['the claim typ Logout', any.token({ typ: 'Logout' }, { typ: 'JWT' })],
    ['events', any.token({ events: {} }, { typ: 'JWT' })],
  ])('tokenType "any" refuses %s', async (_, text) => {
    await expect(refusalOf(any.verifier, text)).resolves.toBe('invalid_token wrong_token_type');
  });
});

describe('tokenType id', () => {
  const id = createHarness({ tokenType: 'id' });

  test('tokenType "id" accepts ID tokens', async () => {
    await expect(refusalOf(id.verifier, id.token({ nonce: 'n' }, { typ: 'JWT' }))).resolves.toBeUndefined();
    await expect(refusalOf(id.verifier, id.token({ token_use: 'id' }, { typ: undefined }))).resolves.toBeUndefined();
  });

  test.each<[string, string]>([
    ['access tokens', id.token()],
    ['token_use access', id.token({ token_use: 'access' }, { typ: 'JWT' })],
    ['logout tokens', id.token({ events: {} }, { typ: 'JWT' })],
  ])('tokenType "id" refuses %s', async (_, text) => {
    await expect(refusalOf(id.verifier, text)).resolves.toBe('invalid_token wrong_token_type');
  });
});

describe('disabled checks', () => {
  const loose = createHarness({ audiences: null, maxLifetimeSeconds: null });

  test('any audience and any lifetime are accepted if audiences and maxLifetimeSeconds are null', async () => {
    await expect(refusalOf(loose.verifier, loose.token({ aud: undefined }))).resolves.toBeUndefined();
    await expect(refusalOf(loose.verifier, loose.token({ exp: 99_999_999_999 }))).resolves.toBeUndefined();
    await expect(refusalOf(loose.verifier, loose.token({ exp: 1e11 }))).resolves.toBe('invalid_token malformed_date');
  });
});

test('a token of another app is refused if clientIds is set', async () => {
  const { verifier, token } = createHarness({ clientIds: ['web', 'mobile'] });
  expect(await refusalOf(verifier, token({ client_id: 'mobile' }))).toBeUndefined();
  expect(await refusalOf(verifier, token({ client_id: 'other' }))).toBe('invalid_token wrong_client');
  expect(await refusalOf(verifier, token({ client_id: ['web'] }))).toBe('invalid_token wrong_client');
  expect(await refusalOf(verifier, token())).toBe('invalid_token wrong_client');
  const { remediation } = await rejection(verifier.verify(token()));
  expect(remediation).toContain('web or mobile');
});

describe('errors', () => {
  test('the error of a wrong audience names the accepted audiences, and the setting to change', async () => {
    const error = await rejection(verifier.verify(token({ aud: 'https://other.example.com' })));
    expect(error).toMatchObject({ code: 'invalid_token', status: 401 });
    expect(error.message).toContain('its aud must name api');
    expect(error.remediation).toContain("issuer's audiences");
  });

  test('no error quotes the token', async () => {
    const canary = 'canary-7d1f';
    const changes = [{ iss: canary }, { aud: canary }, { sub: [canary] }, { exp: canary }];
    const headers = [{ alg: canary }, { kid: canary }, { typ: canary }, { crit: [canary] }];
    const texts = [...changes.map((change) => token(change)), ...headers.map((header) => token({}, header)), canary];
    for (const text of texts) {
      const error = await rejection(verifier.verify(text));
      expect(JSON.stringify({ ...error, message: error.message })).not.toContain(canary);
    }
  });
});

test('a key verifies only tokens of its own issuer, also if two issuers use one kid', async () => {
  const [keyA, keyB] = [createSigningKey('same'), createSigningKey('same')];
  const two = createHarness(
    {},
    {
      issuers: [
        { issuer: 'https://a.example.com', audiences: ['a'], jwks: { keys: [keyA.jwk] } },
        { issuer: 'https://b.example.com', audiences: ['b'], jwks: { keys: [keyB.jwk] } },
      ],
    },
  );
  const from = (signer: typeof keyA, iss: string, aud: string): string => signToken(signer, two.claims({ iss, aud }));
  await expect(refusalOf(two.verifier, from(keyA, 'https://a.example.com', 'a'))).resolves.toBeUndefined();
  await expect(refusalOf(two.verifier, from(keyB, 'https://b.example.com', 'b'))).resolves.toBeUndefined();
  await expect(refusalOf(two.verifier, from(keyB, 'https://a.example.com', 'a'))).resolves.toContain('wrong_signature');
  await expect(refusalOf(two.verifier, from(keyA, 'https://a.example.com', 'b'))).resolves.toContain('wrong_audience');
});

test('scopes are read from scope, or from scp as a string or an array', async () => {
  const scopesOf = async (changes: Record<string, unknown>): Promise<readonly string[]> =>
    (await verifier.verify(token(changes))).scopes;
  await expect(scopesOf({ scope: 'a  b' })).resolves.toEqual(['a', 'b']);
  await expect(scopesOf({ scp: 'c' })).resolves.toEqual(['c']);
  await expect(scopesOf({ scp: ['d', 1, 'e'] })).resolves.toEqual(['d', 'e']);
  await expect(scopesOf({ scope: 7 })).resolves.toEqual([]);
  await expect(scopesOf({})).resolves.toEqual([]);
});

test('a principal is frozen deeply, because calls for one token share it', async () => {
  const principal = await verifier.verify(token({ roles: { admin: false }, groups: [['a']] }));
  expect(() => Object.assign(principal, { subject: 'bob' })).toThrow(TypeError);
  expect(() => Object.assign(principal.claims, { sub: 'bob' })).toThrow(TypeError);
  expect(() => Object.assign(principal.claims['roles'] as object, { admin: true })).toThrow(TypeError);
  expect(() => (principal.claims['groups'] as string[][])[0]?.push('b')).toThrow(TypeError);
  expect(() => (principal.scopes as string[]).push('admin')).toThrow(TypeError);
});
