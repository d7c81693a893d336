import { Secret, systemClock, type Clock } from '@valetkey/core-types';
import { z } from 'zod';
import {
  onceForEach,
  SecretNameError,
  SecretReadError,
  textOfField,
  type SecretManager,
  type SecretReading,
} from './secret-manager.ts';
import type { VaultFields } from './secrets-fields.ts';
import { createVaultCalls, describeStatus, type VaultResponse } from './vault-calls.ts';
import { createVaultLogin, type LoginDependencies } from './vault-login.ts';

/** What {@link openVault} works with. */
export interface VaultDependencies extends Pick<LoginDependencies, 'readTextFile' | 'onProblem'> {
  readonly fetch: typeof globalThis.fetch;
  readonly clock?: Clock | undefined;
  readonly schedule?: LoginDependencies['schedule'] | undefined;
}

/**
 * A path of the API of KV version 2, with `data` after the path of the engine, and a field. Segments that only have dots could
 * leave the path, and Vault refuses a path that ends in a dot.
 */
const namePattern = /^((?:[\w-][\w.-]*\/)+?data(?:\/[\w@:+=,~-](?:[ \w.@:+=,~-]*[\w@:+=,~-])?)+)#([^#]+)$/;

/** One version of a secret of KV version 2. */
const secretVersionSchema = z.object({
  data: z.object({
    data: z.record(z.string(), z.unknown()),
    metadata: z.object({ version: z.int(), created_time: z.string() }),
  }),
});

type SecretVersion = z.output<typeof secretVersionSchema>['data'];

/** Opens a Vault. It is first called when a value is read. */
export function openVault(fields: VaultFields, dependencies: VaultDependencies): SecretManager {
  const { fetch, clock = systemClock, schedule = runLater, ...others } = dependencies;
  const call = createVaultCalls(fields, fetch);
  const login = createVaultLogin(fields.auth, { ...others, call, clock, schedule });

  const readVersion = async (path: string): Promise<SecretVersion> => {
    const read = (token: Secret) => call({ method: 'GET', path: encodeURI(path), token });
    const token = await login.token();
    const response = await read(token);
    // A login may have been revoked, or have ended while this machine slept.
    const renewed = response.status === 403 ? await login.replace(token) : undefined;
    return toVersion(renewed === undefined ? response : await read(renewed), path);
  };

  return {
    beginReading() {
      const readOnce = onceForEach(readVersion);
      return async (name) => {
        const [, path, field] = namePattern.exec(name) ?? [];
        if (path === undefined || field === undefined) throw new SecretNameError(wrongName);
        return toReading(await readOnce(path), field);
      };
    },
    close: async () => login.close(),
  };
}

const wrongName =
  'has a reference to Vault that is not the path of the API of KV version 2 and a field, such as `${vault:secret/data/nudge#apiKey}`';

function toReading({ data, metadata }: SecretVersion, field: string): SecretReading {
  const createdAtMs = Date.parse(metadata.created_time);
  return {
    secret: new Secret(textOfField(data, field)),
    version: String(metadata.version),
    createdAtMs: Number.isNaN(createdAtMs) ? undefined : createdAtMs,
  };
}

function toVersion({ status, body }: VaultResponse, path: string): SecretVersion {
  if (status === 403) {
    throw new SecretReadError(
      `Vault refuses to show it (403); check the login, and give it a policy with \`path "${path}" { capabilities = ["read"] }\``,
    );
  }
  if (status === 404) {
    throw new SecretReadError(
      'Vault has no such secret, or its latest version is deleted (404); check the path, and `secrets.vault.namespace`',
    );
  }
  if (status !== 200) throw new SecretReadError(describeStatus(status));
  const { data } = secretVersionSchema.safeParse(body);
  if (data !== undefined) return data.data;
  throw new SecretReadError('Vault sent no secret of KV version 2; check that the path has the engine and then `data`');
}

function runLater(work: () => Promise<void>, delayMs: number): () => void {
  const timer = setTimeout(() => void work(), delayMs).unref();
  return () => clearTimeout(timer);
}
