import { expectTypeOf, test } from 'vitest';
import {
  createSandbox,
  defineSimulation,
  jsonResponse,
  sandboxCredentials,
  type FaultRule,
  type Sandbox,
  type SandboxIssuer,
  type SandboxOptions,
  type SandboxUrls,
  type SandboxVendor,
  type VitalUser,
} from './index.ts';

declare const sandbox: Sandbox;

test('the names of services, issuers and URLs derive from the simulations', () => {
  type Services = 'nabla' | 'nudge' | 'nymbl-idp' | 'nymbl' | 'authgear' | 'vital' | 'vital-auth' | 'idp';
  expectTypeOf<Services>().toExtend<SandboxVendor>();
  expectTypeOf<string>().not.toExtend<SandboxVendor>();
  expectTypeOf<'nabla' | 'nudge' | 'nymbl-idp' | 'authgear' | 'vital' | 'idp'>().toExtend<SandboxIssuer>();
  // Services without signing keys are no issuers.
  expectTypeOf<'nymbl' | 'vital-auth'>().not.toExtend<SandboxIssuer>();
  expectTypeOf<'nymblIdp' | 'vitalAuth'>().toExtend<keyof SandboxUrls>();
  expectTypeOf<'nymbl-idp'>().not.toExtend<keyof SandboxUrls>();
  expectTypeOf(sandbox.urls.nymblIdp).toEqualTypeOf<string>();
  expectTypeOf<FaultRule['vendor']>().toEqualTypeOf<SandboxVendor>();
});

test('the state of a simulation has precise types in code', () => {
  expectTypeOf(sandbox.vital.createUser('alice')).toEqualTypeOf<VitalUser>();
  expectTypeOf(sandbox.nudge.setApiKeys).parameter(0).toEqualTypeOf<readonly string[]>();
  expectTypeOf(sandbox.nymbl.revokeTokens).parameters.toEqualTypeOf<[]>();
  expectTypeOf(sandbox.authgear.revokeSessions).parameters.toEqualTypeOf<[sub?: string | undefined]>();
  expectTypeOf(sandbox.nymbl.patients).parameter(0).toEqualTypeOf<'acme-corp' | 'globex'>();
  // @ts-expect-error A simulation that does not exist has no state.
  void sandbox.noSuchVendor;
});

test('credentials are literals and options are checked', () => {
  expectTypeOf(sandboxCredentials.nymbl.customer).toEqualTypeOf<'acme-corp'>();
  expectTypeOf(sandbox.credentials).toEqualTypeOf(sandboxCredentials);
  expectTypeOf<SandboxOptions['vital']>().toExtend<{ region?: 'us' | 'eu' | undefined } | undefined>();
  // @ts-expect-error There is no such region.
  void createSandbox({ vital: { region: 'mars' } });
  // @ts-expect-error There is no such option.
  void createSandbox({ prot: 1 });
  // @ts-expect-error There is no such service.
  sandbox.setFaults([{ vendor: 'no-such-vendor', fault: { type: 'hang' } }]);
});

test('an added simulation extends every type', async () => {
  const acme = defineSimulation({
    id: 'acme',
    title: 'Acme',
    credentials: { key: 'sandbox-only-acme' },
    services: { 'acme-rooms': { title: 'Acme', sample: 'GET  /', simulates: 'rooms' } },
    signingKeys: { 'acme-rooms': ['RS256'] },
    simulate: ({ keys, credentials, urlOf }) => {
      expectTypeOf(keys['acme-rooms'].jwks).toBeFunction();
      expectTypeOf(credentials.key).toEqualTypeOf<'sandbox-only-acme'>();
      expectTypeOf(urlOf).parameter(0).toEqualTypeOf<'acme-rooms'>();
      return {
        services: { 'acme-rooms': { routes: {}, failure: (status) => jsonResponse(status, {}) } },
        state: { rooms: (): number => 7 },
      };
    },
  });
  const extended = await createSandbox({ simulations: [acme] });
  expectTypeOf(extended.urls.acmeRooms).toEqualTypeOf<string>();
  expectTypeOf(extended.acme.rooms()).toEqualTypeOf<number>();
  expectTypeOf(extended.credentials.acme.key).toEqualTypeOf<'sandbox-only-acme'>();
  expectTypeOf(extended.vital.createUser('alice')).toEqualTypeOf<VitalUser>();
  expectTypeOf(extended.rotateKeys).parameter(0).toEqualTypeOf<SandboxIssuer | 'acme-rooms'>();
  extended.setFaults([{ vendor: 'acme-rooms', fault: { type: 'hang' } }]);

  defineSimulation({
    id: 'acme',
    title: 'Acme',
    services: { acme: { title: 'Acme', sample: 'GET  /', simulates: 'rooms' } },
    // @ts-expect-error The service that is declared is missing.
    simulate: () => ({ services: {} }),
  });
});
