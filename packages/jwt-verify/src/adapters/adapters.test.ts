import { createHash } from 'node:crypto';
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import express from 'express';
import fastify from 'fastify';
import { calculateJwkThumbprint } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JwtVerifier } from '../verify/jwt-verifier.ts';
import { createHarness } from '../testing/harness.ts';
import { createSigningKey, signToken } from '../testing/signing.ts';
import { createExpressAuthentication } from './express.ts';
import { createFastifyAuthentication } from './fastify.ts';
import { authenticateRequest } from './fetch-request.ts';

const origin = 'https://api.example.com';
const harness = createHarness({ dpop: { nonceRequired: true } });
const { verifier, token, clock } = harness;
const callerKey = createSigningKey('caller');
const { kty, crv, x, y } = callerKey.jwk;
const boundToken = token({ cnf: { jkt: await calculateJwkThumbprint(callerKey.jwk) } });

/** The number of requests that reached a handler. */
let handled = 0;

let serial = 0;
function proof(changes: Record<string, unknown> = {}): string {
  serial += 1;
  const ath = createHash('sha256').update(boundToken).digest('base64url');
  const claims = { htm: 'GET', htu: `${origin}/me`, iat: clock.nowSeconds(), jti: `p-${serial}`, ath };
  const header = { typ: 'dpop+jwt', kid: undefined, jwk: { kty, crv, x, y } };
  return signToken(callerKey, { ...claims, nonce: verifier.dpopNonce(), ...changes }, header);
}

interface HttpResponse {
  readonly status: number;
  readonly headers: Record<string, string | undefined>;
  readonly body: string;
}

type Send = (headers: Readonly<Record<string, string | string[]>>) => Promise<HttpResponse>;

/** Sends requests with Node's HTTP client, which can send a header twice. */
function sendTo(port: number): Send {
  return async (headers) => {
    const sent = httpRequest({ port, host: '127.0.0.1', path: '/me?a=1', headers: headers as OutgoingHttpHeaders });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      sent.on('response', resolve).on('error', reject).end();
    });
    return {
      status: response.statusCode ?? 0,
      headers: response.headers as Record<string, string | undefined>,
      body: await text(response),
    };
  };
}

const brokenVerifier: JwtVerifier = {
  ...verifier,
  verify: () => Promise.reject(new RangeError('a programming error')),
};

const offlineVerifier: JwtVerifier = createHarness(
  { jwks: undefined },
  { fetch: async () => new Response('', { status: 500 }) },
).verifier;

async function startFastify(chosen: JwtVerifier): Promise<{ send: Send; close: () => Promise<unknown> }> {
  const app = fastify();
  const { onRequest, principalOf } = createFastifyAuthentication(
    chosen,
    chosen === brokenVerifier ? undefined : { origin },
  );
  app.register(async (inner) => {
    inner.addHook('onRequest', onRequest);
    inner.get('/me', (request) => {
      handled += 1;
      return { subject: principalOf(request).subject };
    });
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  return { send: sendTo(port), close: () => app.close() };
}

async function startExpress(chosen: JwtVerifier): Promise<{ send: Send; close: () => Promise<unknown> }> {
  const app = express();
  const { middleware, principalOf } = createExpressAuthentication(
    chosen,
    chosen === brokenVerifier ? undefined : { origin },
  );
  app.get('/me', middleware, (request, response) => {
    handled += 1;
    response.json({ subject: principalOf(request).subject });
  });
  app.use((_error: unknown, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
    response.status(500).end();
  });
  const server = await new Promise<ReturnType<typeof app.listen>>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  const { port } = server.address() as AddressInfo;
  return { send: sendTo(port), close: () => new Promise((resolve) => server.close(resolve)) };
}

async function startRequest(chosen: JwtVerifier): Promise<{ send: Send; close: () => Promise<unknown> }> {
  const send: Send = async (headers) => {
    const pairs = Object.entries(headers).flatMap(([name, value]) =>
      [value].flat().map((one) => [name, one] as [string, string]),
    );
    const request = new Request('http://internal.example.com/me?a=1', { headers: pairs });
    const outcome = await authenticateRequest(chosen, request, chosen === brokenVerifier ? undefined : { origin });
    if (!(outcome instanceof Response)) handled += 1;
    const response = outcome instanceof Response ? outcome : Response.json({ subject: outcome.subject });
    return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
  };
  return { send, close: () => Promise.resolve() };
}

describe.each([
  ['Fastify', startFastify, 500],
  ['Express', startExpress, 500],
  ['Request', startRequest, 'RangeError: a programming error'],
])('%s', (name, start, mistake) => {
  let server: Awaited<ReturnType<typeof startFastify>>;
  let offline: typeof server;
  let broken: typeof server;
  beforeAll(async () => {
    [server, offline, broken] = await Promise.all([start(verifier), start(offlineVerifier), start(brokenVerifier)]);
  });
  afterAll(() => Promise.all([server.close(), offline.close(), broken.close()]));

  test(`${name}: the handler receives the principal of a valid token`, async () => {
    const response = await server.send({ authorization: `bearer ${token()}` });
    expect(response).toMatchObject({ status: 200, body: '{"subject":"alice"}' });
  });

  test(`${name}: responds 401 with the challenge Bearer to a request without a token`, async () => {
    const before = handled;
    const { status, headers, body } = await server.send({});
    expect(handled).toBe(before);
    expect(status).toBe(401);
    expect(headers).not.toHaveProperty('retry-after');
    expect(headers).not.toHaveProperty('dpop-nonce');
    expect(headers).toMatchObject({
      'www-authenticate': 'Bearer, DPoP algs="ES256 EdDSA Ed25519"',
      'content-type': expect.stringContaining('application/problem+json'),
      'cache-control': 'no-store',
    });
    expect(JSON.parse(body)).toMatchObject({
      type: 'about:blank',
      status: 401,
      code: 'missing_token',
      title: 'Missing token',
      detail: 'The request carries no bearer token.',
    });
  });

  test(`${name}: the response to a refused token contains the error in its challenge and a remediation`, async () => {
    const { status, headers, body } = await server.send({ authorization: `Bearer ${token({ aud: 'x' })}` });
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toMatch(/^Bearer error="invalid_token", error_description="The token is meant/);
    expect(JSON.parse(body)).toMatchObject({ code: 'invalid_token', remediation: expect.stringContaining('audience') });
  });

  test(`${name}: refuses two Authorization headers, also if both are valid`, async () => {
    const good = `Bearer ${token()}`;
    await expect(server.send({ authorization: [good, 'Bearer x'] })).resolves.toMatchObject({ status: 400 });
    await expect(server.send({ authorization: [good, good] })).resolves.toMatchObject({ status: 400 });
  });

  test(`${name}: responds 503 with Retry-After while the identity provider is unavailable`, async () => {
    const { status, headers } = await offline.send({ authorization: `Bearer ${token()}` });
    expect(status).toBe(503);
    expect(headers).toMatchObject({ 'retry-after': expect.stringMatching(/^\d+$/) });
    expect(headers).not.toHaveProperty('www-authenticate');
  });

  test(`${name}: refuses a DPoP proof without a nonce and sends the nonce, and accepts a proof with the nonce`, async () => {
    const first = await server.send({ authorization: `DPoP ${boundToken}`, dpop: proof({ nonce: undefined }) });
    expect(first).toMatchObject({ status: 401, headers: { 'dpop-nonce': verifier.dpopNonce() } });
    expect(first.headers['www-authenticate']).toContain('DPoP error="use_dpop_nonce"');
    expect(first.headers['www-authenticate']).toMatch(/^DPoP .*algs="ES256 EdDSA Ed25519"$/);
    const second = await server.send({ authorization: `DPoP ${boundToken}`, dpop: proof() });
    expect(second).toMatchObject({ status: 200, body: '{"subject":"alice"}' });
  });

  test(`${name}: refuses a bound token without a proof, with two proofs, with a proof for another request, or as Bearer`, async () => {
    const authorization = `DPoP ${boundToken}`;
    for (const dpop of [[], [proof(), proof()], [proof({ htu: 'http://127.0.0.1/me' })], [proof({ htm: 'POST' })]]) {
      const { status, headers } = await server.send({ authorization, ...(dpop.length > 0 ? { dpop } : {}) });
      expect(status).toBe(401);
      expect(headers['www-authenticate']).toContain('DPoP error="invalid_dpop_proof"');
    }
    await expect(server.send({ authorization: `Bearer ${boundToken}`, dpop: proof() })).resolves.toMatchObject({
      status: 401,
    });
  });

  test(`${name}: passes a programming error on to the framework`, async () => {
    const sent = broken.send({ authorization: `Bearer ${token()}` });
    await expect(sent.then(({ status }) => status, String)).resolves.toBe(mistake);
  });
});

test('principalOf throws a TypeError for a request that was not authenticated', () => {
  const raw = {} as never;
  expect(() => createFastifyAuthentication(verifier).principalOf({ raw, method: 'GET', originalUrl: '/' })).toThrow(
    TypeError,
  );
  expect(() => createExpressAuthentication(verifier).principalOf(raw)).toThrow(TypeError);
});

test('a server without an origin, which accepts no proof, offers no DPoP in its challenges', async () => {
  const response = (await authenticateRequest(verifier, new Request(`${origin}/me`))) as Response;
  expect(response.headers.get('www-authenticate')).toBe('Bearer');
});
