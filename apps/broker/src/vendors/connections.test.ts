import {
  systemClock,
  type Principal,
  type Vendor,
  type VendorDefinition,
  type VendorDependencies,
} from '@valetkey/core-types';
import { createEgress } from '@valetkey/vendor-clients';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { ConnectionConfig } from '../config/config.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { createConnection, createVendorOf, type ConnectionEvent } from './connections.ts';

const alice: Principal = { issuer: 'https://id.example.com', subject: 'alice', scopes: [], claims: { patient: 'p-1' } };
const egress = createEgress({ proxy: false });
const close = async () => undefined;
const ensureUser = async (externalId: string) => ({ vendorUserId: `user of ${externalId}`, created: true });

/** Configures the connection `acme-eu` to this vendor. `received` lists the arguments of each call of `create`. */
function configure(vendor: Vendor, user?: ConnectionConfig['policy']['user']) {
  const received: { options: unknown; dependencies: VendorDependencies | undefined }[] = [];
  const definition: VendorDefinition = {
    id: vendor.id,
    title: 'Acme',
    options: z.strictObject({ region: z.string() }),
    credentials: [],
    create: (options, dependencies) => {
      received.push({ options, dependencies });
      return vendor;
    },
  };
  const policy = { user, boundByAppToken: false, requiredScopes: [], requiredClaims: {} };
  const config: ConnectionConfig = { name: 'acme-eu', definition, options: { region: 'eu' }, policy };
  return { config, received };
}

test('createVendorOf passes options and clock to the vendor, and adds the name of the connection to its events', () => {
  const vendor: Vendor = { id: 'acme', close };
  const { config, received } = configure(vendor);
  const events: ConnectionEvent[] = [];
  const created = createVendorOf(config, { clock: systemClock, egress, onEvent: (event) => events.push(event) });
  const connection = createConnection(config, created, { store: createSqliteStore(':memory:'), clock: systemClock });
  expect(connection).toMatchObject({ name: 'acme-eu', rules: [] });
  expect(connection.vendor).toBe(vendor);
  expect(received).toMatchObject([{ options: { region: 'eu' }, dependencies: { clock: systemClock } }]);
  received[0]?.dependencies?.onEvent?.({ type: 'circuit_closed', vendor: 'acme' });
  expect(events).toEqual([{ type: 'circuit_closed', vendor: 'acme', connection: 'acme-eu' }]);
});

test('a circuit of a connection is open until every origin of its vendor is called again', () => {
  const { config, received } = configure({ id: 'acme', close });
  const vendor = createVendorOf(config, { clock: systemClock, egress, onEvent: () => undefined });
  const { isCircuitOpen } = createConnection(config, vendor, {
    store: createSqliteStore(':memory:'),
    clock: systemClock,
  });
  const report = (type: 'circuit_opened' | 'circuit_closed', origin?: string) =>
    received[0]?.dependencies?.onEvent?.({ type, vendor: 'acme', origin, retryAfterSeconds: 5 });
  const states = [isCircuitOpen()];
  for (const [type, origin] of [
    ['circuit_opened', 'https://api.acme.example'],
    ['circuit_opened', 'https://login.acme.example'],
    ['circuit_opened', 'https://login.acme.example'],
    ['circuit_closed', 'https://login.acme.example'],
    ['circuit_closed', 'https://api.acme.example'],
    ['circuit_opened', undefined],
    ['circuit_closed', undefined],
  ] as const) {
    report(type, origin);
    states.push(isCircuitOpen());
  }
  expect(states).toEqual([false, true, true, true, true, false, true, false]);
});

test.each([
  ['from the vendor, if it can create users', { users: { ensureUser } }, undefined, 'user of vk_'],
  ['from the store, if the vendor cannot create users', {}, undefined, 'mapped'],
  ['from the store, if `user` is `mapping`', { users: { ensureUser } }, { mapping: true as const }, 'mapped'],
  ['from the claim that `user` names', { users: { ensureUser } }, { claim: 'patient' }, 'p-1'],
])('a connection resolves vendor users %s', async (_, abilities, source, expected) => {
  const store = createSqliteStore(':memory:');
  const vendor: Vendor = { id: 'acme', close, ...abilities };
  const { config } = configure(vendor, source);
  const { users } = createConnection(config, vendor, { store, clock: systemClock });
  const isEnsured = expected.startsWith('user of');
  if (!isEnsured) await store.setVendorUser({ connection: 'acme-eu', vendor: 'acme', ...alice }, 'mapped');
  // A vendor user of another connection of the same vendor must not be returned.
  await store.setVendorUser({ connection: 'acme', vendor: 'acme', ...alice }, 'of another connection');
  const vendorUserId = await users.resolve(alice);
  expect(isEnsured ? vendorUserId.slice(0, expected.length) : vendorUserId).toBe(expected);
});
