import type { IssuerOptions } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createHarness, refusalOf, rejection, testIssuer } from '../testing/harness.ts';
import { createSigningKey, signToken } from '../testing/signing.ts';

const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
const backChannelLogout = { audiences: ['app', 'other-app'] };

type Changes = Readonly<Record<string, unknown>>;

/** Creates a verifier of logout tokens, and a function that creates such tokens. */
function createLogoutHarness(record: Partial<IssuerOptions> = {}) {
  const harness = createHarness({ backChannelLogout, ...record });
  const { verifier, key, claims, clock } = harness;
  const now = clock.nowSeconds();
  const logoutToken = (changes: Changes = {}, header: string | Changes = { typ: 'logout+jwt' }) =>
    signToken(key, claims({ aud: 'app', exp: now + 120, sid: 's-1', events, ...changes }), header);
  const refusal = async (token: string) => {
    const { code, reason } = await rejection(verifier.verifyLogoutToken(token));
    return `${code} ${reason}`;
  };
  return { ...harness, now, logoutToken, refusal };
}

test('returns the user, the session and the times of a logout token', async () => {
  const { verifier, logoutToken, now } = createLogoutHarness();
  expect(await verifier.verifyLogoutToken(logoutToken())).toEqual({
    issuer: testIssuer,
    subject: 'alice',
    session: 's-1',
    tokenId: 'id-1',
    issuedAtSeconds: now,
    expiresAtSeconds: now + 125,
    keepUntilSeconds: now + 86_400 + 10,
  });
});

test.each<[string, Changes, Changes | string, object]>([
  ['that names only a user', { sid: undefined }, {}, { subject: 'alice', session: undefined }],
  ['that names only a session', { sub: undefined }, {}, { subject: undefined, session: 's-1' }],
  ['with the type JWT', {}, { typ: 'JWT' }, { session: 's-1' }],
  ['without a type', {}, { typ: undefined }, { session: 's-1' }],
  ['for several clients', { aud: ['elsewhere', 'other-app'] }, {}, { session: 's-1' }],
  ['with further events', { events: { ...events, 'https://example.com/event': {} } }, {}, { session: 's-1' }],
  ['with a claim typ, as Keycloak writes it', { typ: 'Logout' }, {}, { session: 's-1' }],
  ['that is valid for an hour', { exp: createLogoutHarness().now + 3_600 }, {}, { session: 's-1' }],
])('accepts a logout token %s', async (_, changes, header, expected) => {
  const { verifier, logoutToken } = createLogoutHarness();
  const type = Object.hasOwn(header as object, 'typ') ? header : { typ: 'logout+jwt' };
  expect(await verifier.verifyLogoutToken(logoutToken(changes, type))).toMatchObject(expected);
});

const { now } = createLogoutHarness();

test.each<[string, Changes, Changes, string]>([
  ['of another issuer', { iss: 'https://evil.example.com' }, {}, 'unknown_issuer'],
  ['for another client', { aud: 'elsewhere' }, {}, 'wrong_audience'],
  ['for the audience of access tokens', { aud: 'api' }, {}, 'wrong_audience'],
  ['without an audience', { aud: undefined }, {}, 'wrong_audience'],
  ['without events', { events: undefined }, {}, 'wrong_token_type'],
  ['with another event', { events: { 'https://example.com/event': {} } }, {}, 'wrong_token_type'],
  ['whose event is no object', { events: { [Object.keys(events)[0] as string]: true } }, {}, 'wrong_token_type'],
  ['whose event is a list', { events: { [Object.keys(events)[0] as string]: [] } }, {}, 'wrong_token_type'],
  ['whose events are a list', { events: Object.keys(events) }, {}, 'wrong_token_type'],
  ['with a nonce', { nonce: 'n-1' }, {}, 'wrong_token_type'],
  ['with the type of an access token', {}, { typ: 'at+jwt' }, 'wrong_token_type'],
  ['with the type of another token', {}, { typ: 'secevent+jwt' }, 'wrong_token_type'],
  ['without jti', { jti: undefined }, {}, 'missing_claim'],
  ['with an empty jti', { jti: '' }, {}, 'missing_claim'],
  ['with a jti that is no text', { jti: 7 }, {}, 'missing_claim'],
  ['with a long jti', { jti: 'j'.repeat(256) }, {}, 'missing_claim'],
  ['with half a surrogate pair in its jti', { jti: '\ud800' }, {}, 'missing_claim'],
  ['with an empty sid', { sid: '' }, {}, 'missing_claim'],
  ['with a sid that is no text', { sid: null }, {}, 'missing_claim'],
  ['with neither sub nor sid', { sub: undefined, sid: undefined }, {}, 'malformed_subject'],
  ['with a sub that is no text', { sub: 7 }, {}, 'malformed_subject'],
  ['without iat', { iat: undefined }, {}, 'malformed_date'],
  ['without exp', { exp: undefined }, {}, 'malformed_date'],
  ['with a date that is no number', { iat: 'now' }, {}, 'malformed_date'],
  ['that has expired', { iat: now - 200, exp: now - 6 }, {}, 'expired'],
  ['of the future', { iat: now + 60, exp: now + 120 }, {}, 'issued_in_future'],
  ['that is valid for more than an hour', { exp: now + 3_601 }, {}, 'lifetime_too_long'],
  ['without a signature', {}, { alg: 'none' }, 'algorithm_not_allowed'],
  ['signed with a shared secret', {}, { alg: 'HS256' }, 'algorithm_not_allowed'],
  ['signed with an unknown key', {}, { kid: 'k2' }, 'unknown_key'],
])('refuses a logout token %s', async (_, changes, header, reason) => {
  const { logoutToken, refusal } = createLogoutHarness();
  expect(await refusal(logoutToken(changes, { typ: 'logout+jwt', ...header }))).toBe(`invalid_token ${reason}`);
});

test('refuses a logout token that another key has signed, and text that is no token', async () => {
  const { claims, refusal } = createLogoutHarness();
  const forged = signToken(createSigningKey('k1'), claims({ aud: 'app', events }), { typ: 'logout+jwt' });
  expect(await refusal(forged)).toBe('invalid_token wrong_signature');
  expect(await refusal('logout')).toBe('invalid_token malformed_token');
  expect(await refusal('x'.repeat(20_000))).toBe('invalid_token token_too_large');
});

test('refuses the logout tokens of an issuer without backChannelLogout', async () => {
  const { logoutToken, refusal } = createLogoutHarness({ backChannelLogout: undefined });
  expect(await refusal(logoutToken())).toBe('invalid_token unknown_issuer');
});

test.each(['access', 'any', 'id'] as const)(
  'accepts no logout token as a token of a caller, and no such token as a logout token, with tokenType %s',
  async (tokenType) => {
    const { verifier, token, logoutToken, refusal } = createLogoutHarness({ tokenType, audiences: ['app'] });
    for (const typ of ['logout+jwt', 'JWT', undefined]) {
      expect(await refusalOf(verifier, logoutToken({}, { typ }))).toBe('invalid_token wrong_token_type');
    }
    for (const typ of ['at+jwt', 'JWT', undefined]) {
      expect(await refusal(token({ aud: 'app' }, { typ }))).toBe('invalid_token wrong_token_type');
    }
  },
);

test('returns the subject by the subjectClaims of the issuer, and without these claims only the session', async () => {
  const { verifier, logoutToken, refusal } = createLogoutHarness({ subjectClaims: ['oid', 'tid'] });
  const found = await verifier.verifyLogoutToken(logoutToken({ oid: 'a', tid: 'b' }));
  expect(found).toMatchObject({ subject: 'a:b', session: 's-1' });
  expect(await verifier.verifyLogoutToken(logoutToken({ oid: 'a' }))).toMatchObject({
    subject: undefined,
    session: 's-1',
  });
  expect(await refusal(logoutToken({ sid: undefined }))).toBe('invalid_token malformed_subject');
});

test('a logout token is about a person, although it lacks the claims that mark the tokens of persons', async () => {
  const { verifier, logoutToken } = createLogoutHarness({
    machines: { marks: [{ claim: 'name', absent: true }], subjectClaims: ['client_id'] },
  });
  expect(await verifier.verifyLogoutToken(logoutToken())).toMatchObject({ subject: 'alice' });
});

test('returns the issuer of the principal for another form of iss, and the tenant', async () => {
  const { verifier, logoutToken } = createLogoutHarness({ otherForms: ['https://login.example.com'] });
  const found = await verifier.verifyLogoutToken(logoutToken({ iss: 'https://login.example.com' }));
  expect(found.issuer).toBe(testIssuer);
});

test.each<[string, Partial<IssuerOptions>]>([
  ['without a limit of the lifetime', { maxLifetimeSeconds: null }],
  ['with opaque tokens', { resolver: { endpoint: 'https://id.example.com/resolve' } }],
  [
    'with introspection',
    {
      introspection: { endpoint: 'https://id.example.com/introspect', clientId: 'c', clientSecret: 'secret-of-a-test' },
    },
  ],
])('lets a revocation be kept for a year for an issuer %s', async (_, record) => {
  const { verifier, logoutToken } = createLogoutHarness(record);
  const { keepUntilSeconds } = await verifier.verifyLogoutToken(logoutToken());
  expect(keepUntilSeconds).toBe(now + 365 * 86_400 + 10);
});

test('lets a revocation be kept for at most a century', async () => {
  const { verifier, logoutToken } = createLogoutHarness({ maxLifetimeSeconds: 1e13 });
  const { keepUntilSeconds } = await verifier.verifyLogoutToken(logoutToken());
  expect(keepUntilSeconds).toBe(now + 36_500 * 86_400 + 10);
});
