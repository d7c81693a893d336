import { hash, KeyObject, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { Secret } from '@valetkey/core-types';
import type { Config, ConnectionConfig } from './config.ts';
import { isSecret, secretsOf } from './secret-values.ts';

/** What tells two configurations apart, without any value of them. Brokers with the same configuration have the same versions. */
export interface ConfigVersions {
  /** The version of everything but the secrets. */
  readonly version: string;
  /** The version of the secrets. */
  readonly secretsVersion: string;
}

const deriveKey = promisify<string, string, number, { readonly N: number }, Buffer>(scrypt);

/** A guess of the secrets costs this much processor time (RFC 7914), because the version of the secrets is shown to operators. */
const guessCost = { N: 4096 };

const maxDepth = 50;

/** Returns the versions of a configuration. */
export async function versionsOf(config: Config): Promise<ConfigVersions> {
  const { connections, ...fields } = config;
  const named = connections.map((connection) => {
    const { definition: _definition, ...others } = connection;
    return { ...others, vendor: describeVendor(connection) };
  });
  const known = secretsOf(config);
  const secrets: string[] = [];
  const plain = withoutSecrets({ ...fields, connections: named }, [], (text) => isSecret(text, known), secrets);
  const key = await deriveKey(JSON.stringify(secrets.toSorted()), 'valetkey secrets', 6, guessCost);
  return { version: digestOf(plain), secretsVersion: key.toString('hex') };
}

/**
 * Returns a text that changes when a connection gets another vendor, other options or another recipe. Its secrets and its policy do not
 * change it.
 */
export function versionOfVendor(connection: ConnectionConfig): string {
  const known = secretsOf(connection);
  const parts = [describeVendor(connection), connection.options];
  return digestOf(withoutSecrets(parts, [], (text) => isSecret(text, known), []));
}

function describeVendor({ definition: { id, source, recipe } }: ConnectionConfig): readonly unknown[] {
  return [id, recipe && (source as { readonly recipe?: unknown } | undefined)?.recipe];
}

const digestOf = (plain: unknown): string => hash('sha256', JSON.stringify(plain), 'hex').slice(0, 12);

/** Returns a value as JSON with its fields in order and without its secrets, which are added to `secrets` with their places. */
function withoutSecrets(
  value: unknown,
  path: readonly string[],
  isSecretText: (text: string) => boolean,
  secrets: string[],
): unknown {
  const add = (secret: string) => {
    secrets.push(JSON.stringify([path, secret]));
    return null;
  };
  const within = (part: unknown, name: string) => withoutSecrets(part, [...path, name], isSecretText, secrets);
  if (value instanceof Secret) return add(value.reveal());
  if (value instanceof KeyObject) return add(JSON.stringify(value.export({ format: 'jwk' })));
  if (typeof value === 'string') return isSecretText(value) ? add(value) : value;
  if (typeof value === 'function' || value instanceof RegExp) return String(value);
  if (value instanceof Map || value instanceof Set) return [...value].map((part, index) => within(part, String(index)));
  if (Array.isArray(value)) return value.map((part, index) => within(part, String(index)));
  if (typeof value !== 'object' || value === null) return value;
  // An adapter of the operator may parse its options to anything, also to what contains itself.
  if (path.length > maxDepth) return null;
  const { toJSON } = value as { toJSON?: unknown };
  const json: unknown = typeof toJSON === 'function' ? toJSON.call(value) : undefined;
  if (typeof json === 'string') return within(json, 'json');
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([name, part]) => [name, within(part, name)]));
}
