// Tests of the difference between a vendor's own refusal and that of a firewall on the way, for every vendor.
import { buffer } from 'node:stream/consumers';
import { Secret, ValetKeyError, type ErrorCode, type VendorEvent } from '@valetkey/core-types';
import { describe, expect, test } from 'vitest';
import {
  createAuthgearClient,
  createNablaClient,
  createNudgeClient,
  createNymblClient,
  createVitalClient,
} from './index.ts';
import { startVendorServer, type PlannedResponse, type VendorServer } from './testing/vendor-server.ts';

interface Contestant {
  readonly call: (url: string, onEvent: (event: VendorEvent) => void) => Promise<unknown>;
  /** The vendor's own error. */
  readonly own: object;
  /** The codes of the vendor's own 401 and 403. */
  readonly codes?: readonly [ErrorCode, ErrorCode];
}

const slots = (prefix = '') => ({ current: `${prefix}one`, next: `${prefix}two` });
const nymblOptions = {
  clientId: 'c',
  customer: { value: 'acme' },
  allow: [{ method: 'GET' as const, path: '/Patients' }],
};

const contestants: Readonly<Record<string, Contestant>> = {
  Nabla: {
    call: (baseUrl, onEvent) =>
      createNablaClient({ serverKey: slots(), baseUrl }, { onEvent }).authenticatePatient('patient-1'),
    own: { message: 'Unauthorized' },
  },
  Nudge: {
    call: (baseUrl, onEvent) => createNudgeClient({ apiKey: slots(), baseUrl }, { onEvent }).getToken(),
    own: { error: 'Invalid API key' },
  },
  'the identity provider of Nymbl': {
    call: (tokenUrl, onEvent) =>
      createNymblClient(
        { ...nymblOptions, clientSecret: slots(), apiKey: 'k', tokenUrl },
        { onEvent },
      ).requestAccessToken('s'),
    own: { error: 'invalid_client' },
  },
  'the API of Nymbl': {
    call: (baseUrl, onEvent) =>
      createNymblClient({ ...nymblOptions, clientSecret: 's', apiKey: slots(), baseUrl }, { onEvent })
        .send(
          { method: 'GET', path: '/Patients', query: '', headers: {} },
          { kind: 'server', vendor: 'nymbl', secret: new Secret('t') },
        )
        .then(async (response) => {
          if (response === 'token_refused') throw new ValetKeyError('vendor_auth_failed', response);
          return buffer(response.body);
        }),
    own: { message: 'Forbidden' },
  },
  Authgear: {
    call: (endpoint, onEvent) => createAuthgearClient({ endpoint }, { onEvent }).userInfo(new Secret('t')),
    own: { error: 'invalid_grant', error_description: 'invalid session' },
    codes: ['invalid_token', 'forbidden'],
  },
  Vital: {
    call: (baseUrl, onEvent) =>
      createVitalClient(
        { apiKey: slots('sk_us_'), environment: 'sandbox', region: 'us', baseUrl },
        { onEvent },
      ).createSignInToken('u'),
    own: { detail: 'Invalid API key' },
  },
};

const html = { 'content-type': 'text/html; charset=utf-8' };
const foreign: readonly (readonly [string, PlannedResponse])[] = [
  ['HTML', { text: '<!doctype html><title>Blocked</title>', headers: html }],
  ['HTML that calls itself JSON', { text: '<html>Blocked</html>' }],
  ['no body', { text: '' }],
  ['no body and a challenge for browsers', { text: '', headers: { 'www-authenticate': 'Basic realm="office"' } }],
  ['plain text', { text: 'error code: 1020', headers: { 'content-type': 'text/plain' } }],
  ['JSON of a firewall', { json: { blocked: true, reference: '0.1' } }],
  [
    "a content delivery network's problem",
    { json: { title: 'Access denied', detail: 'x', error: 'x', message: 'x', cloudflare_error: true, ray_id: '1' } },
  ],
  [
    'JSON of a firewall that names itself in a header',
    { json: { message: 'x', error: 'x', detail: 'x' }, headers: { 'x-amzn-waf-action': 'block' } },
  ],
  ["a proxy's error", { json: { message: 'x', error: 'x' }, headers: { 'x-squid-error': 'ERR_ACCESS_DENIED 0' } }],
  // A parser that calls itself for each level has no stack left at this depth.
  ['deeply nested JSON', { text: '['.repeat(50_000) + ']'.repeat(50_000) }],
  ['a list', { json: [{ message: 'no' }] }],
];

async function callWith(
  { call }: Contestant,
  ...responses: [PlannedResponse, ...PlannedResponse[]]
): Promise<{ failure: ValetKeyError; server: VendorServer; events: VendorEvent[] }> {
  await using server = await startVendorServer(...responses);
  const events: VendorEvent[] = [];
  const failure = await call(server.url, (event) => events.push(event)).catch((reason: unknown) => reason);
  return { failure: failure as ValetKeyError, server, events };
}

describe.each(Object.entries(contestants))('%s', (_name, contestant) => {
  describe.each([401, 403] as const)('status %i', (status) => {
    test.for(foreign)('with %s is an interception, and no other secret is tried', async ([, response]) => {
      const { failure, server, events } = await callWith(contestant, { ...response, status });
      expect(failure).toMatchObject({
        code: 'vendor_unavailable',
        reason: `intercepted_${status}`,
        cause: { type: 'intercepted', status },
        advice: expect.stringContaining('egress addresses') as unknown,
      });
      expect(failure.message).not.toMatch(/refused/);
      expect(server.calls).toHaveLength(1);
      expect(events).toEqual([]);
    });

    test("in the form of the vendor's own errors is about the credentials", async () => {
      const { failure } = await callWith(contestant, { status, json: contestant.own });
      const codes = contestant.codes ?? ['vendor_auth_failed', 'vendor_auth_failed'];
      expect(failure).toMatchObject({ code: codes[status === 401 ? 0 : 1] });
    });
  });

  test('a 401 without a body but with a challenge for API clients is about the credentials', async () => {
    const headers = { 'www-authenticate': 'Bearer error="invalid_token"' };
    const { failure } = await callWith(contestant, { status: 401, text: '', headers });
    expect(failure).toMatchObject({ code: contestant.codes?.[0] ?? 'vendor_auth_failed' });
  });

  test.each([429, 503])(
    'status %i with HTML is an interception, and the client keeps to the pause that it asks for',
    async (status) => {
      const { failure } = await callWith(contestant, {
        status,
        text: '<html>',
        headers: { ...html, 'retry-after': '7' },
      });
      expect(failure).toMatchObject({
        code: 'vendor_unavailable',
        cause: { type: 'intercepted', status },
        retryAfterSeconds: 7,
      });
    },
  );

  test('status 407 is an interception', async () => {
    const { failure } = await callWith(contestant, { status: 407, json: contestant.own });
    expect(failure).toMatchObject({ code: 'vendor_unavailable', reason: 'intercepted_407' });
  });

  test.each([
    [429, 'vendor_rate_limited'],
    [503, 'vendor_unavailable'],
  ])("status %i in the form of the vendor's own errors is %s", async (status, code) => {
    const response = { status, json: contestant.own, headers: { 'retry-after': '7' } };
    const { failure } = await callWith(contestant, response);
    expect(failure).toMatchObject({ code, cause: { type: 'vendor_status', status }, retryAfterSeconds: 7 });
  });

  // Forwarded responses may have any form: they are for the caller.
  if (contestant === contestants['the API of Nymbl']) return;

  test.for(foreign.filter(([name]) => !name.startsWith('no body')))(
    'a 404 with %s is no proof that the next secret is accepted, and says nothing about the user',
    async ([, response]) => {
      const refused = { status: 401, json: contestant.own };
      const { failure, events } = await callWith(contestant, refused, { ...response, status: 404 });
      expect(failure).toBeInstanceOf(ValetKeyError);
      expect(failure.code).not.toBe('vendor_user_not_found');
      expect(events).toEqual([]);
    },
  );

  test.each([200, 400])(
    'a page of a sign-in portal with status %i is no proof that a secret is accepted',
    async (status) => {
      const page = { status, text: '\uFEFF<html>Sign in</html>', headers: html };
      const { failure, events } = await callWith(contestant, { status: 401, json: contestant.own }, page);
      expect(failure).toBeInstanceOf(ValetKeyError);
      expect(events).toEqual([]);
    },
  );
});
