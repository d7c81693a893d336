import {
  systemClock,
  type Principal,
  type Vendor,
  type VendorDefinition,
  type VendorDependencies,
} from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { ConnectionConfig } from '../config/config.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { connect, type ConnectionEvent } from './connections.ts';
import { findConnection } from './perform.ts';

const alice: Principal = { issuer: 'https://id.example.com', subject: 'alice', scopes: [], claims: { patient: 'p-1' } };
const close = async () => undefined;
const ensureUser = async (externalId: string) => ({ vendorUserId: `user of ${externalId}`, created: true });

/** Creates the configuration of a connection `acme-eu` to a hand-written vendor, and what its adapter received. */
function configure(vendor: Vendor, user?: ConnectionConfig['policy']['user']) {
  const received: { options: unknown; dependencies: VendorDependencies | undefined }[] = [];
  const definition: VendorDefinition = {
    id: vendor.id,
    title: 'Acme',
    options: z.strictObject({}),
    credentials: [],
    create: (options, dependencies) => {
      received.push({ options, dependencies });
      return vendor;
    },
  };
  const policy = { user, requiredScopes: [], requiredClaims: {} };
  const config: ConnectionConfig = { name: 'acme-eu', definition, options: { region: 'eu' }, policy };
  return { config, received };
}

test('connect creates the vendor with its options and reports its events under the name of the connection', () => {
  const vendor: Vendor = { id: 'acme', close };
  const { config, received } = configure(vendor);
  const events: ConnectionEvent[] = [];
  const connection = connect(config, {
    store: createSqliteStore(':memory:'),
    clock: systemClock,
    onEvent: (event) => events.push(event),
  });
  expect(connection).toMatchObject({ name: 'acme-eu', rules: [] });
  expect(connection.vendor).toBe(vendor);
  expect(received).toMatchObject([{ options: { region: 'eu' }, dependencies: { clock: systemClock } }]);
  received[0]?.dependencies?.onEvent?.({ type: 'circuit_closed', vendor: 'acme' });
  expect(events).toEqual([{ type: 'circuit_closed', vendor: 'acme', connection: 'acme-eu' }]);
});

test.each([
  ['the vendor where it can create users', { users: { ensureUser } }, undefined, 'user of vk_'],
  ['the mapping where the vendor cannot create users', {}, undefined, 'mapped'],
  ['the mapping that the policy names', { users: { ensureUser } }, { mapping: true as const }, 'mapped'],
  ['the claim that the policy names', { users: { ensureUser } }, { claim: 'patient' }, 'p-1'],
])('connect takes vendor users from %s', async (_, abilities, source, expected) => {
  const store = createSqliteStore(':memory:');
  const { config } = configure({ id: 'acme', close, ...abilities }, source);
  const { users } = connect(config, { store, clock: systemClock, onEvent: () => undefined });
  const isEnsured = expected.startsWith('user of');
  if (!isEnsured) await store.setVendorUser({ connection: 'acme-eu', ...alice }, 'mapped');
  // Another connection of the same vendor has vendor users of its own.
  await store.setVendorUser({ connection: 'acme', ...alice }, 'of another connection');
  const vendorUserId = await users.resolve(alice);
  expect(isEnsured ? vendorUserId.slice(0, expected.length) : vendorUserId).toBe(expected);
});

test('findConnection returns the connection of a name and throws `unknown_vendor` for any other name', () => {
  const { config } = configure({ id: 'acme', close });
  const store = createSqliteStore(':memory:');
  const connection = connect(config, { store, clock: systemClock, onEvent: () => undefined });
  const connections = new Map([[connection.name, connection]]);
  expect(findConnection(connections, 'acme-eu')).toBe(connection);
  for (const name of ['acme', 'ACME-EU', '', '__proto__', 'constructor', 'get']) {
    expect(() => findConnection(connections, name), name).toThrow(expect.objectContaining({ code: 'unknown_vendor' }));
  }
});
