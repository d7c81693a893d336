import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { sandboxMarker } from '@valetkey/core-types';
import type { Simulation } from './simulation.ts';

/** The kind of a private key: RSA with 2048 bits, or EC on the curve P-256. */
export type PrivateKeyKind = 'rsa' | 'ec';

const generate = promisify(generateKeyPair);

/**
 * Resolves to the simulations with their private keys among their credentials, in PEM. One key of each kind serves all of them,
 * because an RSA key takes long to generate. The line before the key makes `valetkey start` refuse it.
 */
export async function addPrivateKeys(simulations: readonly Simulation[]): Promise<readonly Simulation[]> {
  const kinds = new Set(simulations.flatMap(({ privateKeys = {} }) => Object.values(privateKeys)));
  const texts = new Map(await Promise.all([...kinds].map(async (kind) => [kind, await createPem(kind)] as const)));
  return simulations.map((simulation) => {
    const { privateKeys = {}, credentials } = simulation;
    const keys = Object.entries(privateKeys).map(([name, kind]) => [name, texts.get(kind) ?? ''] as const);
    return keys.length === 0
      ? simulation
      : { ...simulation, credentials: { ...credentials, ...Object.fromEntries(keys) } };
  });
}

async function createPem(kind: PrivateKeyKind): Promise<string> {
  const { privateKey } =
    kind === 'rsa' ? await generate('rsa', { modulusLength: 2_048 }) : await generate('ec', { namedCurve: 'P-256' });
  return `${sandboxMarker}\n${privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()}`;
}
