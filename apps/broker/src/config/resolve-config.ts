import { isDeepStrictEqual } from 'node:util';
import { listSchemaProblems } from '@valetkey/core-types';
import { egressSchema } from '@valetkey/vendor-clients';
import { z } from 'zod';
import { openManagers, type SecretManagers } from '../secrets/open-managers.ts';
import { SecretReadError, type ReadSecret } from '../secrets/secret-manager.ts';
import { secretsSchema } from '../secrets/secrets-fields.ts';
import { ConfigError } from './config-error.ts';
import { isPlainObject } from './plain-data.ts';
import { readTextFile } from './read-text-file.ts';
import {
  readReferences,
  refuseRemote,
  type ReferenceDependencies,
  type ReferenceUse,
  type RemoteReaders,
} from './references.ts';

/** A configuration with the values of its references, and these references. */
export interface ResolvedConfig {
  readonly resolved: unknown;
  readonly uses: readonly ReferenceUse[];
}

/** Replaces the references of configurations. Between two of them, it stays logged in at secret managers. */
export interface ConfigResolver {
  /**
   * Reads the value of each reference. Rejects with a {@link ConfigError} that lists each reference that cannot be read; what
   * was resolved before stays valid.
   */
  readonly resolve: (written: unknown) => Promise<ResolvedConfig>;
  readonly close: () => Promise<void>;
}

/** The sections that say how secret managers are called, so that they are read before all others. */
const settingsSchema = z.object({ secrets: secretsSchema.prefault({}), egress: egressSchema.prefault({}) });

const readFirst =
  'secret managers are called with the sections `secrets` and `egress`; write `${env:NAME}` or `${file:path}` in these';

const notUsable = 'the sections `secrets` and `egress` have problems, which are listed as well';

/** The secret managers of the settings with which they were opened. */
interface Opened {
  readonly settings: unknown;
  readonly managers: SecretManagers;
}

export function createConfigResolver(dependencies: ReferenceDependencies = {}): ConfigResolver {
  let kept: Opened | undefined;

  function openWith(settings: unknown): Opened | { readonly problems: readonly string[] } {
    if (kept !== undefined && isDeepStrictEqual(kept.settings, settings)) return kept;
    const { data, error } = settingsSchema.safeParse(settings);
    if (error !== undefined)
      return {
        problems: listSchemaProblems(error, settingsSchema, settings).map(
          ({ field, message }) => `${field}: ${message}`,
        ),
      };
    const { onProblem = () => undefined, ...others } = dependencies;
    const managers = openManagers(data.secrets, data.egress, { readTextFile, ...others, onProblem });
    return { settings, managers };
  }

  async function resolve(written: unknown): Promise<ResolvedConfig> {
    const { settings, rest } = splitSettings(written);
    const first = await readReferences(settings, dependencies, refuseRemote(readFirst));
    let opening: ReturnType<typeof openWith> | undefined;
    const readers = readOnDemand(() => {
      if (first.problems.length > 0) return undefined;
      opening ??= openWith(first.resolved);
      return 'managers' in opening ? opening.managers : undefined;
    });
    const second = await readReferences(rest, dependencies, readers);
    const opened = opening !== undefined && 'managers' in opening ? opening : undefined;
    const settingsProblems = opening !== undefined && 'problems' in opening ? opening.problems : [];
    const problems = [...first.problems, ...settingsProblems, ...second.problems];
    if (problems.length > 0) {
      if (opened !== kept) await opened?.managers.close();
      throw new ConfigError(problems);
    }
    if (opened !== kept) await kept?.managers.close();
    kept = opened;
    const resolved = isPlainObject(written)
      ? { ...(second.resolved as object), ...(first.resolved as object) }
      : second.resolved;
    return { resolved, uses: [...first.uses, ...second.uses] };
  }

  return { resolve, close: async () => kept?.managers.close() };
}

/** Splits a configuration into the sections that are read first, and all others. */
function splitSettings(written: unknown): { readonly settings: unknown; readonly rest: unknown } {
  if (!isPlainObject(written)) return { settings: {}, rest: written };
  const isSetting = (name: string) => name === 'secrets' || name === 'egress';
  const select = (wanted: boolean) =>
    Object.fromEntries(Object.entries(written).filter(([name]) => isSetting(name) === wanted));
  return { settings: select(true), rest: select(false) };
}

/** Returns readers that call `open` when a value is first read, so that only a configuration that needs them has managers. */
function readOnDemand(open: () => SecretManagers | undefined): RemoteReaders {
  let readers: RemoteReaders | undefined;
  const read =
    (kind: keyof RemoteReaders): ReadSecret =>
    async (name) => {
      readers ??= open()?.beginReading();
      if (readers === undefined) throw new SecretReadError(notUsable);
      return readers[kind](name);
    };
  return { vault: read('vault'), 'aws-sm': read('aws-sm') };
}
