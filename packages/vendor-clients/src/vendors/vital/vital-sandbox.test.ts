import type { IssueAbility } from '@valetkey/core-types';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSandboxed } from '../../testing/sandboxed-vendor.ts';

const principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox.close());

test('a response of Vital about another user never reaches the caller', async () => {
  const vendor = startSandboxed(sandbox, 'vital');
  sandbox.setFaults([{ vendor: 'vital', fault: { type: 'wrong-user' } }]);
  await expect(vendor.users?.ensureUser('carol')).rejects.toMatchObject({ reason: 'other_user' });
  sandbox.setFaults([]);
  const { vendorUserId = '' } = (await vendor.users?.ensureUser('carol')) ?? {};
  sandbox.setFaults([{ vendor: 'vital', fault: { type: 'wrong-user' } }]);
  const { issue } = vendor.issue as IssueAbility<'user'>;
  await expect(issue({ principal, vendorUserId, parameters: {} })).rejects.toMatchObject({ reason: 'other_user' });
  sandbox.setFaults([]);
  await vendor.close();
});

test('a creation at Vital whose response was lost results in one user', async () => {
  const vendor = startSandboxed(sandbox, 'vital');
  sandbox.setFaults([{ vendor: 'vital', route: 'POST /v2/user', fault: { type: 'reset', when: 'after' }, count: 1 }]);
  const user = await vendor.users?.ensureUser('dave');
  expect(user?.created).toBe(false);
  expect(await vendor.users?.ensureUser('dave')).toMatchObject({ vendorUserId: user?.vendorUserId, created: false });
  await vendor.close();
});
