import { adviseOnNetworkError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import type { JwtVerifierEvent } from './key-events.ts';
import { rejection } from '../testing/harness.ts';
import { createSigningKey, signToken } from '../testing/signing.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createJwtVerifier } from '../verify/create-jwt-verifier.ts';

const issuer = 'https://id.example.com/tenant';

/** Maps URLs to documents, or to functions that respond. Every other URL responds with a 404. */
type Site = Readonly<Record<string, unknown>>;

async function discover(site: Site, from = issuer) {
  const calls: string[] = [];
  const events: JwtVerifierEvent[] = [];
  const verifier = createJwtVerifier({
    issuers: [{ issuer: from, audiences: ['api'] }],
    onEvent: (event) => events.push(event),
    fetch: async (url) => {
      calls.push(String(url));
      const found = site[String(url)];
      if (found === undefined) return new Response('', { status: 404 });
      return typeof found === 'function' ? (found as () => Response)() : Response.json(found);
    },
  });
  const [status] = await verifier.warm();
  return { calls, events, verifier, lastFailure: status?.lastFailure, detail: status?.lastFailureDetail };
}

const openid = `${issuer}/.well-known/openid-configuration`;
const oauth = 'https://id.example.com/.well-known/oauth-authorization-server/tenant';

test('discovery finds the keys through OpenID Connect metadata', async () => {
  const { calls } = await discover({ [openid]: { issuer, jwks_uri: 'https://keys.example.com/jwks' } });
  expect(calls).toEqual([openid, 'https://keys.example.com/jwks']);
});

test('discovery finds the keys through RFC 8414 metadata if the OpenID Connect metadata is a 404', async () => {
  const { calls } = await discover({ [oauth]: { issuer, jwks_uri: 'https://keys.example.com/jwks' } });
  expect(calls).toEqual([openid, oauth, 'https://keys.example.com/jwks']);
});

test('discovery finds the keys through OpenID Connect metadata at the place of RFC 8414 section 5', async () => {
  const inserted = 'https://id.example.com/.well-known/openid-configuration/tenant';
  const { calls } = await discover({ [inserted]: { issuer, jwks_uri: 'https://keys.example.com/jwks' } });
  expect(calls).toEqual([openid, oauth, inserted, 'https://keys.example.com/jwks']);
});

test('keys are fetched from a server that sends only the media type of a key set', async () => {
  const key = createSigningKey('k1');
  const verifier = createJwtVerifier({
    issuers: [{ issuer, audiences: ['api'], jwksUri: 'https://keys.example.com/jwks' }],
    fetch: async (_url, init) => {
      const accepts = new Headers(init?.headers).get('accept')?.includes('application/jwk-set+json');
      return accepts ? Response.json({ keys: [key.jwk] }) : new Response('', { status: 406 });
    },
  });
  await expect(verifier.warm()).resolves.toMatchObject([{ keys: 1, lastFailure: null }]);
});

const certificates = (): Response => Response.json({ k1: '-----BEGIN CERTIFICATE-----' });

test.each<[string, string, () => Response]>([
  ['status_404', 'responded without a key set', () => new Response('', { status: 404 })],
  ['not_json', 'responded without a key set', () => new Response('<h1>Keys</h1>')],
  ['not_a_key_set', 'responded without a JWK Set', certificates],
  [
    'redirect',
    'redirects to another URL',
    () => {
      throw new TypeError('fetch failed', { cause: new Error('unexpected redirect') });
    },
  ],
])('the status names the URL of the keys and what to change after %s', async (reason, words, respond) => {
  const jwksUri = 'https://keys.example.com/jwks';
  const verifier = createJwtVerifier({
    issuers: [{ issuer, audiences: ['api'], jwksUri }],
    fetch: async () => respond(),
  });
  const [status] = await verifier.warm();
  expect(status).toMatchObject({ lastFailure: reason });
  expect(status?.lastFailureDetail).toContain(jwksUri);
  expect(status?.lastFailureDetail).toContain(words);
});

test('discovery requests no URL with a double slash for an issuer that ends with a slash', async () => {
  const { calls } = await discover({}, 'https://id.example.com/');
  expect(calls).toEqual([
    'https://id.example.com/.well-known/openid-configuration',
    'https://id.example.com/.well-known/oauth-authorization-server',
  ]);
});

test.each([
  [
    'metadata of another issuer',
    { issuer: 'https://evil.example.com', jwks_uri: 'https://keys.example.com' },
    'other_issuer',
  ],
  ['metadata without an issuer', { jwks_uri: 'https://keys.example.com' }, 'no_metadata'],
  ['a jwks_uri over plain http', { issuer, jwks_uri: 'http://keys.example.com' }, 'unsafe_jwks_uri'],
  ['a jwks_uri at a cloud metadata service', { issuer, jwks_uri: 'http://169.254.169.254/' }, 'unsafe_jwks_uri'],
  ['a jwks_uri that is a file', { issuer, jwks_uri: 'file:///etc/passwd' }, 'unsafe_jwks_uri'],
  ['a jwks_uri with a fragment', { issuer, jwks_uri: 'https://keys.example.com/jwks?p=1#keys' }, 'unsafe_jwks_uri'],
  ['a jwks_uri with credentials', { issuer, jwks_uri: 'https://user:password@keys.example.com/' }, 'unsafe_jwks_uri'],
  ['a jwks_uri over plain http with a query', { issuer, jwks_uri: 'http://keys.example.com/?p=1' }, 'unsafe_jwks_uri'],
  ['metadata without a jwks_uri', { issuer }, 'unsafe_jwks_uri'],
  ['metadata that is a JSON array', [], 'no_metadata'],
])('discovery refuses %s', async (_, metadata, reason) => {
  await expect(discover({ [openid]: metadata })).resolves.toMatchObject({ lastFailure: reason });
});

test.each([`${issuer}/`, issuer])(
  'discovery shows the issuer %s that metadata name for an issuer with another end',
  async (named) => {
    const from = named === issuer ? `${issuer}/` : issuer;
    const { lastFailure, detail } = await discover(
      { [openid]: { issuer: named, jwks_uri: 'https://keys.example.com' } },
      from,
    );
    expect(lastFailure).toBe('other_issuer');
    expect(detail).toMatch(
      new RegExp(`Configure the issuer as ${named}, which differs only in the slash at the end\\.$`),
    );
  },
);

test('discovery does not show the issuer of metadata that name another provider', async () => {
  const { detail } = await discover({
    [openid]: { issuer: 'https://canary.example', jwks_uri: 'https://keys.example.com' },
  });
  expect(detail).toMatch(/Set jwksUri to the URL of its keys, or correct the issuer\.$/);
  expect(detail).not.toContain('canary');
});

const goodMetadata = { issuer, jwks_uri: 'https://keys.example.com/jwks' };
const statusOnly = (status: number) => (): Response => new Response(status === 204 ? null : 'no', { status });
const html = (): Response => new Response('<h1>Sign in</h1>', { headers: { 'content-type': 'text/html' } });

test.each<[string, unknown]>([
  ...[400, 401, 403, 404, 405, 406, 410, 415, 421, 429, 451].map((code): [string, unknown] => [
    `${code}`,
    statusOnly(code),
  ]),
  ['204', statusOnly(204)],
  ['200 with HTML', html],
  ['200 with an empty body', () => new Response('')],
  ['200 with the JSON of an error', { error: 'not_found' }],
  ['200 with null', () => Response.json(null)],
  ['200 with more than a document may have', () => new Response(' '.repeat(2_000_000))],
  ['200 with metadata of another issuer', { ...goodMetadata, issuer: 'https://id.example.com' }],
  ['200 with metadata without keys', { issuer }],
  [
    'a redirect to a sign-in page',
    () => {
      throw new TypeError('fetch failed', { cause: new Error('unexpected redirect') });
    },
  ],
])('discovery tries RFC 8414 metadata if the OpenID Connect place responds %s', async (_, found) => {
  const { calls } = await discover({ [openid]: found, [oauth]: goodMetadata });
  expect(calls).toEqual([openid, oauth, 'https://keys.example.com/jwks']);
});

test.each<[string, () => Response]>([
  ['status_500', statusOnly(500)],
  ['status_503', statusOnly(503)],
  [
    'ECONNRESET',
    () => {
      throw new TypeError('fetch failed', { cause: Object.assign(new Error('reset'), { code: 'ECONNRESET' }) });
    },
  ],
])('discovery tries no other place after an outage (%s), because the metadata may be there', async (reason, found) => {
  const { calls, lastFailure, detail } = await discover({ [openid]: found, [oauth]: goodMetadata });
  const advice = adviseOnNetworkError({ code: reason });
  expect({ calls, lastFailure, detail }).toEqual({ calls: [openid], lastFailure: reason, detail: advice });
});

test('status, event and error name every place that discovery tried, and what was there', async () => {
  const { verifier, events, lastFailure, detail } = await discover({ [openid]: html });
  expect(lastFailure).toBe('no_metadata');
  expect(detail).toBe(
    `The identity provider ${issuer} publishes no metadata that names it and its keys. Tried ${openid} (not_json), ${oauth} (status_404) and https://id.example.com/.well-known/openid-configuration/tenant (status_404). Set jwksUri to the URL of its keys, or correct the issuer.`,
  );
  expect(events).toEqual([{ type: 'keys_fetch_failed', issuer, reason: 'no_metadata', detail }]);
  const claims = { iss: issuer, sub: 'alice', aud: 'api', exp: Math.floor(Date.now() / 1000) + 60 };
  expect(await rejection(verifier.verify(signToken(createSigningKey('k1'), claims)))).toMatchObject({
    code: 'identity_unavailable',
    reason: 'no_metadata',
    advice: detail,
  });
});

test('metadata and keys may begin with a byte order mark', async () => {
  const key = createSigningKey('k1');
  const marked = (document: object) => () => new Response(`\uFEFF${JSON.stringify(document)}`);
  const { verifier, lastFailure } = await discover({
    [openid]: marked(goodMetadata),
    [goodMetadata.jwks_uri]: marked({ keys: [key.jwk] }),
  });
  expect(lastFailure).toBeNull();
  const claims = { iss: issuer, sub: 'alice', aud: 'api', exp: Math.floor(Date.now() / 1000) + 60 };
  await expect(verifier.verify(signToken(key, claims))).resolves.toMatchObject({ subject: 'alice' });
});

test('discovery accepts a jwks_uri with a query', async () => {
  const jwksUri = 'https://login.example.com/tenant/discovery/keys?appid=6731de76&p=sign_in';
  const { calls } = await discover({ [openid]: { issuer, jwks_uri: jwksUri } });
  expect(calls).toEqual([openid, jwksUri]);
});

test('discovery is repeated after a failed fetch of keys, because the keys may have moved', async () => {
  const clock = createVirtualClock();
  let jwksUri = 'https://old.example.com/jwks';
  const calls: string[] = [];
  const verifier = createJwtVerifier({
    issuers: [{ issuer, audiences: ['api'] }],
    clock,
    fetch: async (url) => {
      calls.push(String(url));
      return String(url) === openid ? Response.json({ issuer, jwks_uri: jwksUri }) : new Response('', { status: 404 });
    },
  });
  await verifier.warm();
  jwksUri = 'https://new.example.com/jwks';
  clock.advance(60_000);
  await verifier.warm();
  expect(calls).toEqual([openid, 'https://old.example.com/jwks', openid, 'https://new.example.com/jwks']);
});
