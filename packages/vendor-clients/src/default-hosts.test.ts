import { Dispatcher } from 'undici';
import { Secret } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createNablaClient, createNudgeClient, createNymblClient, createVitalClient } from './index.ts';

/** Records the URLs of calls and sends none. */
class Nowhere extends Dispatcher {
  readonly calls: string[] = [];

  override dispatch({ origin, path }: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.calls.push(`${String(origin)}${path}`);
    handler.onResponseError?.(null as unknown as Dispatcher.DispatchController, new Error('nowhere'));
    return true;
  }
}

async function firstUrlOf(call: (dependencies: { dispatcher: Dispatcher; random: () => number }) => Promise<unknown>) {
  const dispatcher = new Nowhere();
  await call({ dispatcher, random: () => 0 }).catch(() => undefined);
  return dispatcher.calls[0];
}

const key = 'sandbox-only';

test('the clients call Nabla, Nudge and Nymbl at their documented hosts', async () => {
  const nymbl = { clientId: key, clientSecret: key, apiKey: key, customer: { value: 'acme' } };
  const allow = [{ method: 'GET', path: '/Patients' } as const];
  const token = { kind: 'server', vendor: 'nymbl', secret: new Secret(key) } as const;
  const read = { method: 'GET', path: '/Patients', query: '', headers: {} };
  expect(
    await Promise.all([
      firstUrlOf((dependencies) => createNablaClient({ serverKey: key }, dependencies).authenticatePatient('p')),
      firstUrlOf((dependencies) => createNudgeClient({ apiKey: key }, dependencies).getToken()),
      firstUrlOf((dependencies) => createNymblClient(nymbl, dependencies).requestAccessToken('s')),
      firstUrlOf((dependencies) => createNymblClient({ ...nymbl, allow }, dependencies).send(read, token)),
    ]),
  ).toEqual([
    'https://api.nabla.com/v1/server/jwt/patient/authenticate/p',
    'https://main-api.nudgenow.com/api/clients/jwt/token?expiryMins=60',
    'https://idp.api.nymbldev.com/oauth2/token',
    'https://api.nymbldev.com/Patients',
  ]);
});

test.each([
  ['production', 'us', 'pk_us_', 'https://api.us.junction.com', 'https://api.tryvital.io'],
  ['production', 'eu', 'pk_eu_', 'https://api.eu.junction.com', 'https://api.eu.tryvital.io'],
  ['sandbox', 'us', 'sk_us_', 'https://api.sandbox.us.junction.com', 'https://api.sandbox.tryvital.io'],
  ['sandbox', 'eu', 'sk_eu_', 'https://api.sandbox.eu.junction.com', 'https://api.sandbox.eu.tryvital.io'],
] as const)(
  'the client calls Vital at the host of %s in %s, and refuses hosts and keys of another region',
  async (environment, region, prefix, current, legacy) => {
    const options = { apiKey: `${prefix}${key}`, environment, region };
    const otherRegion = region === 'us' ? 'eu' : 'us';
    const calledAt = (baseUrl?: string) =>
      firstUrlOf((dependencies) => createVitalClient({ ...options, baseUrl }, dependencies).resolveUser('alice'));
    expect(await calledAt()).toBe(`${current}/v2/user/resolve/alice`);
    expect(await calledAt(legacy)).toBe(`${legacy}/v2/user/resolve/alice`);
    expect(() => createVitalClient({ ...options, region: otherRegion, baseUrl: legacy })).toThrow(/baseUrl: /);
    const ofTwoRegions = { current: options.apiKey, next: `${prefix.replace(region, otherRegion)}${key}` };
    expect(() => createVitalClient({ ...options, apiKey: ofTwoRegions })).toThrow(/apiKey.next: must start with/);
  },
);
