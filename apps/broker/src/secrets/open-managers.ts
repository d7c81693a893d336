import { VendorSetupError, type Clock } from '@valetkey/core-types';
import { openEgress, type Egress, type EgressSettings } from '@valetkey/vendor-clients';
import type { AwsModule } from './aws-secrets-manager.ts';
import { SecretReadError, type ReadSecret, type SecretManager } from './secret-manager.ts';
import type { SecretsFields } from './secrets-fields.ts';
import type { LoginDependencies } from './vault-login.ts';

/** The kinds of references whose values are read over the network. */
export type RemoteKind = 'vault' | 'aws-sm';

/** What {@link openManagers} works with. */
export interface ManagerDependencies extends Pick<LoginDependencies, 'readTextFile' | 'onProblem'> {
  readonly clock?: Clock | undefined;
  readonly schedule?: LoginDependencies['schedule'] | undefined;
  readonly importAwsClient?: (() => Promise<AwsModule>) | undefined;
}

/** The secret managers of a configuration. */
export interface SecretManagers {
  /** Begins one reading of the configuration. The managers that no reference names are neither loaded nor called. */
  readonly beginReading: () => Readonly<Record<RemoteKind, ReadSecret>>;
  readonly close: () => Promise<void>;
}

/** Opens the secret managers of a configuration. Their calls leave through an egress with the settings of the broker's own. */
export function openManagers(
  { vault, awsSecretsManager }: SecretsFields,
  egressSettings: EgressSettings,
  dependencies: ManagerDependencies,
): SecretManagers {
  const managers: Readonly<Record<RemoteKind, SecretManager>> = {
    vault: openOnDemand('vault', vault, async (fields) => {
      const { openVault } = await import('./vault.ts');
      const ca = [...(egressSettings.ca ?? []), ...(fields.ca ?? [])];
      const settings = ca.length === 0 ? egressSettings : { ...egressSettings, ca };
      return withEgress(settings, (fetch) => openVault(fields, { ...dependencies, fetch }));
    }),
    'aws-sm': openOnDemand('awsSecretsManager', awsSecretsManager, async (fields) => {
      const { openAwsSecretsManager } = await import('./aws-secrets-manager.ts');
      const { importAwsClient: importClient } = dependencies;
      return withEgress(egressSettings, (fetch) => openAwsSecretsManager(fields, { fetch, importClient }));
    }),
  };
  return {
    beginReading: () => ({ vault: managers.vault.beginReading(), 'aws-sm': managers['aws-sm'].beginReading() }),
    async close() {
      await Promise.all(Object.values(managers).map((manager) => manager.close()));
    },
  };
}

/** Returns a manager that is opened when a value is first read. A manager that is not configured reads no value. */
function openOnDemand<Fields>(
  name: string,
  fields: Fields | undefined,
  open: (fields: Fields) => Promise<SecretManager>,
): SecretManager {
  let opening: Promise<SecretManager> | undefined;
  return {
    beginReading() {
      let reading: Promise<ReadSecret> | undefined;
      return async (secretName) => {
        if (fields === undefined)
          throw new SecretReadError(`\`secrets.${name}\`, which says how to read it, is not set`);
        opening ??= open(fields);
        reading ??= opening.then((manager) => manager.beginReading());
        return (await reading)(secretName);
      };
    },
    async close() {
      const opened = await opening?.catch(() => undefined);
      await opened?.close();
    },
  };
}

/** Opens a manager with an egress of its own, which is closed together with it. */
function withEgress(settings: EgressSettings, open: (fetch: typeof globalThis.fetch) => SecretManager): SecretManager {
  const egress = openOwnEgress(settings);
  const { beginReading, close } = open(egress.fetch);
  return {
    beginReading,
    async close() {
      await close();
      await egress.close();
    },
  };
}

function openOwnEgress(settings: EgressSettings): Egress {
  try {
    return openEgress(settings);
  } catch (error) {
    // A proxy of the environment cannot be used. The message has no credentials.
    throw VendorSetupError.isInstance(error) ? new SecretReadError(error.message) : error;
  }
}
