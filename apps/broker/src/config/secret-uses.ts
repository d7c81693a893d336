import { stat } from 'node:fs/promises';
import { toConfigPath } from './config-path.ts';
import { isCode } from './plain-data.ts';
import type { ReferenceKind } from './reference-syntax.ts';
import type { ReferenceUse } from './references.ts';
import type { LoadedConfig } from './loaded-config.ts';
import { isSecret, secretsOf } from './secret-values.ts';

/** Where a configuration uses a secret, and where the secret comes from. It has no value. */
export interface SecretUse {
  /** The path of the field, such as `vendors.nudge.apiKey`. */
  readonly field: string;
  /** The slot of a credential that has two. */
  readonly slot?: 'current' | 'next' | undefined;
  /** `configuration`: the secret is written in the configuration itself. */
  readonly source: ReferenceKind | 'configuration';
  /** The reference as it is written. Absent for a secret in the configuration itself. */
  readonly reference?: string | undefined;
  /** The secret manager's name of the version. */
  readonly version?: string | undefined;
  /** When the secret manager created this version, or the file was last changed, in milliseconds since 1970. */
  readonly changedAtMs?: number | undefined;
}

/** Lists each use of a secret, in the order of the configuration: by its references, or as a text of the configuration itself. */
export async function listSecretUses({ written, resolved, config, uses, isData }: LoadedConfig): Promise<SecretUse[]> {
  const secrets = secretsOf(config);
  const usesOf = groupByPath(uses);
  const found: SecretUse[] = [];
  const walk = async (writtenPart: unknown, resolvedPart: unknown, path: readonly PropertyKey[]): Promise<void> => {
    if (typeof writtenPart === 'string') {
      const references = usesOf.get(keyOf(path)) ?? [];
      const isRemote = references.some(({ kind }) => kind === 'vault' || kind === 'aws-sm');
      if (!isRemote && !(typeof resolvedPart === 'string' && isSecret(resolvedPart, secrets))) return;
      const place = placeOf(path);
      for (const use of references) found.push({ ...place, ...(await describeUse(use)) });
      if (references.length === 0 && isData) found.push({ ...place, source: 'configuration' });
    } else if (typeof writtenPart === 'object' && writtenPart !== null && !isCode(path)) {
      const values = (resolvedPart ?? {}) as Readonly<Record<string, unknown>>;
      for (const [key, item] of Object.entries(writtenPart)) await walk(item, values[key], [...path, key]);
    }
  };
  await walk(written, resolved, []);
  return found;
}

const keyOf = (path: readonly PropertyKey[]): string => JSON.stringify(path.map(String));

function groupByPath(uses: readonly ReferenceUse[]): ReadonlyMap<string, readonly ReferenceUse[]> {
  return Map.groupBy(uses, ({ path }) => keyOf(path));
}

function placeOf(path: readonly PropertyKey[]): Pick<SecretUse, 'field' | 'slot'> {
  const last = path.at(-1);
  if (last !== 'current' && last !== 'next') return { field: toConfigPath(path) };
  return { field: toConfigPath(path.slice(0, -1)), slot: last };
}

async function describeUse({
  kind,
  name,
  text,
  version,
  createdAtMs,
}: ReferenceUse): Promise<Omit<SecretUse, 'field'>> {
  const changedAtMs = kind === 'file' ? await changedAt(name) : createdAtMs;
  return { source: kind, reference: text, version, changedAtMs };
}

function changedAt(file: string): Promise<number | undefined> {
  return stat(file).then(
    ({ mtimeMs }) => Math.trunc(mtimeMs),
    () => undefined,
  );
}
