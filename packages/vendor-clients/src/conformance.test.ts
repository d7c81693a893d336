// Tests of what every vendor of the registry has in common, against the sandbox with and without faults.
import { inspect } from 'node:util';
import { Secret, ValetKeyError, type ErrorCode, type IssueAbility, type VendorEvent } from '@valetkey/core-types';
import { createSandbox, type Fault } from '@valetkey/sandbox';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { connectionOf, definitions, operate, simulationOf, startSandboxed } from './testing/sandboxed-vendor.ts';
import { startVendorServer } from './testing/vendor-server.ts';

const ids = Object.keys(definitions);
const timeoutMs = 10_000;
const canary = 'CANARY-do-not-tell';
const principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };

const sandbox = await createSandbox();
const elsewhere = await startVendorServer({});
const issuing = ids.filter((id) => startSandboxed(sandbox, id).issue !== undefined);

beforeEach(() => sandbox.setFaults([]));
afterEach(() => {
  vi.useRealTimers();
});
afterAll(async () => {
  await sandbox.close();
  await elsewhere[Symbol.asyncDispose]();
});

/** Waits until the sandbox has received a call to a vendor, and passes the time of the call on a virtual clock. */
async function passDeadline(id: string): Promise<void> {
  while (Object.keys(sandbox.calls()[simulationOf(id)]).length === 0) await new Promise(setImmediate);
  vi.advanceTimersByTime(timeoutMs);
}

const definitionOf = (id: string) => definitions[id] as (typeof definitions)[string];

const faults: readonly [Fault, ErrorCode][] = [
  [{ type: 'hang' }, 'vendor_timeout'],
  [{ type: 'hang', when: 'after' }, 'vendor_timeout'],
  [{ type: 'latency', delayMs: 20_000 }, 'vendor_timeout'],
  [{ type: 'drip', intervalMs: 50 }, 'vendor_timeout'],
  [{ type: 'reset' }, 'vendor_unavailable'],
  [{ type: 'reset', when: 'after' }, 'vendor_unavailable'],
  [{ type: 'reset', when: 'mid-body' }, 'vendor_unavailable'],
  [{ type: 'truncated' }, 'vendor_unavailable'],
  ...[500, 502, 503, 504, 599].map((status): [Fault, ErrorCode] => [
    { type: 'status', status, body: { message: canary } },
    'vendor_unavailable',
  ]),
  ...[400, 402, 409, 410, 418, 422].map((status): [Fault, ErrorCode] => [
    { type: 'status', status, body: { message: canary, detail: canary } },
    'vendor_rejected',
  ]),
  ...[401, 403].map((status): [Fault, ErrorCode] => [
    { type: 'status', status, body: { message: canary, detail: canary, error: canary } },
    'vendor_auth_failed',
  ]),
  [{ type: 'status', status: 201, body: { message: canary } }, 'vendor_response_invalid'],
  [{ type: 'status', status: 200, body: canary }, 'vendor_response_invalid'],
  [{ type: 'status', status: 200, body: [canary] }, 'vendor_response_invalid'],
  [{ type: 'status', status: 200, body: null }, 'vendor_response_invalid'],
  [{ type: 'rate-limit', retryAfter: { form: 'seconds', seconds: 7 } }, 'vendor_rate_limited'],
  [{ type: 'rate-limit', retryAfter: { form: 'date', seconds: 7 } }, 'vendor_rate_limited'],
  [{ type: 'rate-limit', retryAfter: { form: 'garbage', text: canary } }, 'vendor_rate_limited'],
  [{ type: 'rate-limit', retryAfter: { form: 'absent' } }, 'vendor_rate_limited'],
  [{ type: 'malformed' }, 'vendor_response_invalid'],
  [{ type: 'empty' }, 'vendor_response_invalid'],
  [{ type: 'huge', bytes: 8_388_608 }, 'vendor_response_invalid'],
  [{ type: 'huge', bytes: 8_388_608, gzip: true }, 'vendor_response_invalid'],
  ...([301, 302, 303, 307, 308] as const).map((status): [Fault, ErrorCode] => [
    { type: 'redirect', location: `https://elsewhere.example/${canary}`, status },
    'vendor_response_invalid',
  ]),
];

describe.each(ids)('%s', (id) => {
  test('the vendor performs its first ability and verifies its credentials', async () => {
    const vendor = startSandboxed(sandbox, id);
    expect(await operate(vendor)).not.toBe('');
    await expect(vendor.verify?.()).resolves.toMatchObject({ proven: expect.arrayContaining([expect.any(String)]) });
    await vendor.close();
  });

  test('the result of verify names each credential, as proven or as not checked', async () => {
    const vendor = startSandboxed(sandbox, id);
    const { proven, notChecked = [] } = (await vendor.verify?.()) ?? { proven: [] };
    const text = [...proven, ...notChecked].join(' ');
    for (const name of definitionOf(id).credentials) expect(text).toContain(`\`${name}\``);
    await vendor.close();
  });

  test('the vendor has at least one ability and the id of its definition', async () => {
    const vendor = startSandboxed(sandbox, id);
    expect(vendor.id).toBe(id);
    expect([vendor.issue, vendor.proxy, vendor.authenticate].some((ability) => ability !== undefined)).toBe(true);
    await vendor.close();
  });

  test('options with an unknown field are refused by the name of the field, without its value', () => {
    const { options } = definitionOf(id);
    const { success, error } = options.safeParse({ ...connectionOf(sandbox, id), typo: canary });
    expect(success).toBe(false);
    expect(JSON.stringify(error?.issues)).toContain('typo');
    expect(JSON.stringify(error?.issues)).not.toContain(canary);
  });

  test('every option has a complete sentence as its description', () => {
    const { properties = {} } = z.toJSONSchema(definitionOf(id).options, { io: 'input' });
    for (const [name, field] of Object.entries(properties)) {
      expect(field, name).toMatchObject({ description: expect.stringMatching(/^[A-Z].*\.$/) as unknown });
    }
  });

  test('each credential parses to one slot or to two slots, and the vendor accepts each slot alone', async () => {
    const { options, credentials, create } = definitionOf(id);
    const connection = connectionOf(sandbox, id);
    for (const name of credentials) {
      const secret = connection[name];
      const single = options.parse(connection) as Record<string, Record<string, unknown>>;
      expect(Object.keys(single[name] ?? {})).toEqual(['current']);
      const parsed = options.parse({ ...connection, [name]: { current: secret, next: secret } });
      const slots = (parsed as Record<string, Record<string, unknown>>)[name] ?? {};
      expect(Object.keys(slots)).toEqual(['current', 'next']);
      for (const current of Object.values(slots)) {
        const vendor = create({ ...parsed, [name]: { current } });
        await expect(vendor.verify?.()).resolves.toMatchObject({
          proven: expect.arrayContaining([expect.any(String)]),
        });
        await vendor.close();
      }
    }
  });

  test('a vendor prints none of its secrets', () => {
    const connection = connectionOf(sandbox, id);
    const vendor = startSandboxed(sandbox, id);
    const printed = inspect(vendor, { depth: 12, showHidden: true }) + JSON.stringify(vendor);
    for (const name of definitionOf(id).credentials) {
      expect(connection[name]).toContain('sandbox-only');
      expect(printed).not.toContain(connection[name]);
    }
  });

  test.for(faults)(
    'a call with the fault %j rejects with %s and quotes no text of the vendor',
    async ([fault, code]) => {
      const events: VendorEvent[] = [];
      if (code === 'vendor_timeout') vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      sandbox.resetCalls();
      const vendor = startSandboxed(sandbox, id, { timeoutMs, onEvent: (event) => events.push(event) });
      const aimed = fault.type === 'redirect' ? { ...fault, location: `${elsewhere.url}/${canary}` } : fault;
      sandbox.setFaults([{ vendor: simulationOf(id), fault: aimed }]);
      const failing = operate(vendor).then(undefined, (reason: unknown) => reason);
      if (code === 'vendor_timeout') await passDeadline(id);
      const failure: unknown = await failing;

      expect(failure).toBeInstanceOf(ValetKeyError);
      expect(failure).toMatchObject({ code, vendor: id, ...(code === 'vendor_timeout' && { reason: 'deadline' }) });
      expect(elsewhere.calls).toHaveLength(0);
      const printed = inspect([failure, events], { depth: 12, showHidden: true }) + JSON.stringify([failure, events]);
      expect(printed).not.toContain(canary);
      expect(printed).not.toMatch(/eyJ[A-Za-z0-9_-]{8}/);
      expect(printed).not.toContain(sandbox.origin);
      sandbox.setFaults([]);
      await vendor.close();
    },
  );

  test('a wrong content type is ignored, and an extra response never reaches a caller', async () => {
    const vendor = startSandboxed(sandbox, id);
    for (const type of ['wrong-content-type', 'extra-response'] as const) {
      sandbox.setFaults([{ vendor: simulationOf(id), fault: { type }, count: 5 }]);
      for (let count = 0; count < 8; count++) {
        for (const value of (await operate(vendor)).split(' ')) {
          expect(value).not.toContain('wrong-user');
          expect(Buffer.from(value.split('.')[1] ?? '', 'base64url').toString()).not.toContain('wrong-user');
        }
      }
    }
    await vendor.close();
  });

  test('a call that failed temporarily is repeated, and only an event reports the failure', async () => {
    const events: VendorEvent[] = [];
    const vendor = startSandboxed(sandbox, id, { onEvent: (event) => events.push(event) });
    sandbox.setFaults([{ vendor: simulationOf(id), fault: { type: 'reset' }, count: 1 }]);
    expect(await operate(vendor)).not.toBe('');
    expect(events).toMatchObject([{ type: 'retried', vendor: id }]);
    await vendor.close();
  });
});

test.each(issuing)(
  '%s issues the token that it declares, and never caches a token that is bound to a user',
  async (id) => {
    const vendor = startSandboxed(sandbox, id);
    const ability = vendor.issue as IssueAbility;
    expect(ability.parameters.safeParse({ unknown_field: 1 }).success).toBe(false);
    const { vendorUserId = 'patient-1' } = (await vendor.users?.ensureUser('bob')) ?? {};
    const token = await ability.issue({ principal, vendorUserId, parameters: ability.parameters.parse({}) });
    expect(Object.values(token.fields).some((field) => field instanceof Secret)).toBe(true);
    const declaredFields = [ability.plainTextField, ability.exchange?.field].filter((field) => field !== undefined);
    expect(Object.keys(token.fields)).toEqual(expect.arrayContaining(declaredFields));
    // `cache` is allowed only for tokens that are bound to the account.
    expect([ability.bound, ability.cache]).not.toEqual(['user', expect.anything()]);
    await vendor.close();
  },
);

test('inspect shows the canary in an error that quotes the vendor, so that the tests above can find it', () => {
  const leaky = Object.assign(new ValetKeyError('vendor_rejected', 'no'), { body: canary });
  expect(inspect(leaky, { depth: 12, showHidden: true })).toContain(canary);
});

test('a thousand concurrent calls to Nabla each receive the token of their own patient', async () => {
  const vendor = startSandboxed(sandbox, 'nabla', { timeoutMs: 60_000 });
  const issue = vendor.issue as IssueAbility<'user'>;
  const patients = Array.from({ length: 1_000 }, (_, index) => `patient-${index}`);
  const tokens = await Promise.all(
    patients.map((vendorUserId) => issue.issue({ principal, vendorUserId, parameters: {} })),
  );
  const subjects = tokens.map(({ fields }) => {
    const token = (fields['access_token'] as Secret).reveal();
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    return (payload as { sub: string }).sub;
  });
  expect(subjects).toEqual(patients);
  await vendor.close();
});
