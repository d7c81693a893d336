import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { authgear } from '../providers/authgear.ts';
import { refusalOf } from '../testing/harness.ts';
import { startIdentityProvider, type IdentityProvider } from '../testing/identity-provider.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createJwtVerifier } from '../verify/create-jwt-verifier.ts';
import type { JwtVerifier } from '../verify/jwt-verifier.ts';

let provider: IdentityProvider;
let headers: Record<string, string>;
let status = 200;
let seen: IncomingMessage[] = [];

beforeEach(async () => {
  provider = await startIdentityProvider();
  status = 200;
  seen = [];
  headers = { 'x-authgear-session-valid': 'true', 'x-authgear-user-id': 'user-1' };
  provider.respond = (request, response) => {
    seen.push(request);
    response.writeHead(status, headers).end();
  };
});
afterEach(() => provider[Symbol.asyncDispose]());

function createVerifier(): JwtVerifier {
  const record = authgear({ endpoint: `${provider.issuer}/`, resolver: true });
  return createJwtVerifier({ issuers: [record], clock: createVirtualClock() });
}

test('an opaque token becomes a principal at the resolver, with claims named as in JWTs of Authgear', async () => {
  Object.assign(headers, {
    'x-authgear-user-anonymous': 'false',
    'x-authgear-user-verified': 'true',
    'x-authgear-user-can-reauthenticate': 'true',
    'x-authgear-user-roles': 'admin,editor',
    'x-authgear-session-amr': 'pwd otp',
    'x-authgear-session-authenticated-at': '1700000000',
  });
  await expect(createVerifier().verify('opaque')).resolves.toEqual({
    issuer: provider.issuer,
    subject: 'user-1',
    scopes: [],
    claims: {
      iss: provider.issuer,
      sub: 'user-1',
      'https://authgear.com/claims/user/is_anonymous': false,
      'https://authgear.com/claims/user/is_verified': true,
      'https://authgear.com/claims/user/can_reauthenticate': true,
      'https://authgear.com/claims/user/roles': ['admin', 'editor'],
      amr: ['pwd', 'otp'],
      auth_time: 1_700_000_000,
    },
  });
  expect(seen[0]).toMatchObject({ method: 'GET', url: '/_resolver/resolve' });
  expect(seen[0]?.headers.authorization).toBe('Bearer opaque');
});

test('a header that the resolver does not send becomes no claim', async () => {
  const { claims } = await createVerifier().verify('opaque');
  expect(claims).toEqual({ iss: provider.issuer, sub: 'user-1' });
});

test.each([['false'], ['TRUE'], ['true, true'], ['1'], [undefined]])(
  'a token is inactive if session-valid is %s',
  async (valid) => {
    headers = {
      'x-authgear-user-id': 'user-1',
      ...(valid === undefined ? {} : { 'x-authgear-session-valid': valid }),
    };
    await expect(refusalOf(createVerifier(), 'opaque')).resolves.toBe('invalid_token inactive');
  },
);

test('a session without a user id is refused', async () => {
  headers = { 'x-authgear-session-valid': 'true' };
  await expect(refusalOf(createVerifier(), 'opaque')).resolves.toBe('invalid_token malformed_subject');
});

test('verify() rejects with identity_unavailable if the resolver responds 500', async () => {
  status = 500;
  await expect(refusalOf(createVerifier(), 'opaque')).resolves.toBe('identity_unavailable status_500');
});

test.each([{ 'x-other': '1' }, { 'x-authgear-session-valid': 'true', 'x-authgear-user-id': 'user-1' }])(
  'verify() rejects with identity_unavailable if a page responds instead of the resolver (%j)',
  async (others) => {
    headers = { ...others, 'content-type': 'text/html; charset=utf-8' };
    await expect(refusalOf(createVerifier(), 'opaque')).resolves.toBe('identity_unavailable not_a_resolver');
  },
);

test('explain() says that a resolver names no audience', async () => {
  const { accepted, checks } = await createVerifier().explain('opaque');
  expect(accepted).toBe(true);
  expect(checks.find(({ check }) => check === 'audience')).toEqual({
    check: 'audience',
    outcome: 'passed',
    detail: 'Any: a session resolver names no audience.',
  });
});
