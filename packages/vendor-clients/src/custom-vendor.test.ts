import type { IssueAbility, Secret } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { acme } from '../../../examples/custom-vendor/acme.ts';
import { startVendorServer, type RecordedCall } from './testing/vendor-server.ts';

const apiKey = 'acme-sandbox-only';
const principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };

/** Responds as Acme documents: with a user or with a token. */
function respondAsAcme({ path, body }: RecordedCall): unknown {
  const given = JSON.parse(body) as Record<string, unknown>;
  if (path === '/v1/users') return { id: 'user-1', external_id: given['external_id'] };
  return { user_id: given['user_id'], token: 'token-sandbox-only', expires_in: given['expires_in'] };
}

function startAcme(url: string) {
  const vendor = acme.create(acme.options.parse({ apiKey, baseUrl: url, expirySeconds: 900 }));
  return { vendor, issue: vendor.issue as IssueAbility<'user'> };
}

test('the example vendor finds its user and issues a token for it', async () => {
  await using server = await startVendorServer({ choose: respondAsAcme });
  const { vendor, issue } = startAcme(server.url);
  const user = await vendor.users?.ensureUser('alice');
  expect(user).toEqual({ vendorUserId: 'user-1', created: false });
  const token = await issue.issue({ principal, vendorUserId: 'user-1', parameters: issue.parameters.parse({}) });
  expect(token).toMatchObject({ expiresInSeconds: 900 });
  expect((token.fields['token'] as Secret).reveal()).toBe('token-sandbox-only');
  expect(server.calls).toMatchObject([
    {
      method: 'POST',
      path: '/v1/users',
      headers: { authorization: `Bearer ${apiKey}` },
      body: '{"external_id":"alice"}',
    },
    { method: 'POST', path: '/v1/tokens', body: '{"user_id":"user-1","expires_in":900}' },
  ]);
  await vendor.close();
});

test('the example vendor refuses responses about another user, and rejects with vendor_user_not_found for a 404', async () => {
  await using server = await startVendorServer({ json: { id: 'user-2', external_id: 'bob' } });
  const { vendor, issue } = startAcme(server.url);
  await expect(vendor.users?.ensureUser('alice')).rejects.toMatchObject({ reason: 'other_user' });
  const request = { principal, vendorUserId: 'user-1', parameters: {} };
  server.respond({ json: { user_id: 'user-2', token: 'x', expires_in: 1 } });
  await expect(issue.issue(request)).rejects.toMatchObject({ reason: 'other_user' });
  server.respond({ status: 404 });
  await expect(issue.issue(request)).rejects.toMatchObject({ code: 'vendor_user_not_found' });
  await vendor.close();
});

test('the example vendor verifies its API key against a wrong one', async () => {
  await using server = await startVendorServer({ status: 404 }, { status: 401 });
  const { vendor } = startAcme(server.url);
  await expect(vendor.verify?.()).resolves.toMatchObject({ proven: expect.arrayContaining([expect.any(String)]) });
  server.respond({ status: 401 });
  await expect(vendor.verify?.()).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  await vendor.close();
});
