import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { sandboxMarker } from '@valetkey/core-types';
import type { PrivateKeyKind, Simulation } from './simulation.ts';

const generate = promisify(generateKeyPair);
const keys = new Map<PrivateKeyKind, Promise<string>>();

/**
 * Resolves to a private key in PEM. A process has one key of each kind, because an RSA key takes long to generate. The line
 * before the key makes `valetkey start` refuse it.
 */
export function privateKeyOf(kind: PrivateKeyKind): Promise<string> {
  const known = keys.get(kind);
  if (known !== undefined) return known;
  const created = createPem(kind);
  keys.set(kind, created);
  return created;
}

async function createPem(kind: PrivateKeyKind): Promise<string> {
  const { privateKey } = await generators[kind]();
  return `${sandboxMarker}\n${privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()}`;
}

const generators = {
  rsa: () => generate('rsa', { modulusLength: 2_048 }),
  p256: () => generate('ec', { namedCurve: 'P-256' }),
  p384: () => generate('ec', { namedCurve: 'P-384' }),
  ed25519: () => generate('ed25519'),
};

/** Resolves to the simulations with their private keys among their credentials. */
export async function addPrivateKeys(simulations: readonly Simulation[]): Promise<readonly Simulation[]> {
  return Promise.all(
    simulations.map(async (simulation) => {
      const { privateKeys = {}, credentials } = simulation;
      const added = await Promise.all(
        Object.entries(privateKeys).map(async ([name, kind]) => [name, await privateKeyOf(kind)] as const),
      );
      return added.length === 0
        ? simulation
        : { ...simulation, credentials: { ...credentials, ...Object.fromEntries(added) } };
    }),
  );
}
