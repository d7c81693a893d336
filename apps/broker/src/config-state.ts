import { describeForeignError, type Clock } from '@valetkey/core-types';
import type { Logger } from 'pino';
import { ConfigError } from './config/config-error.ts';
import type { ConfigVersions } from './config/config-version.ts';
import type { Metrics } from './telemetry/metrics.ts';

interface ConfigStateDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'setConfigVersions' | 'countReload'>;
}

/** What operators can see of the configuration in use: its versions, and why a later one is not used. */
export interface ConfigState {
  readonly use: (versions: ConfigVersions) => void;
  /** Runs a reload, and reports its outcome in the log, the metrics and `describe`. Rejects as the reload does. */
  readonly report: (reload: () => Promise<ReloadedConfig>) => Promise<void>;
  /** Returns the parts of `/readyz` about the configuration. */
  readonly describe: () => Readonly<Record<string, string>>;
}

/** The configuration after a successful reload. */
interface ReloadedConfig extends ConfigVersions {
  /** Whether it is the same as before. */
  readonly isSame: boolean;
}

/** Creates the state of a broker that uses no configuration yet. */
export function createConfigState({ clock, logger, metrics }: ConfigStateDependencies): ConfigState {
  let current: ConfigVersions | undefined;
  let failure: { readonly text: string; readonly at: string } | undefined;

  const use = (versions: ConfigVersions): void => {
    current = versions;
    metrics.setConfigVersions(versions);
  };
  const fail = (error: unknown): void => {
    const text = describeProblems(error);
    metrics.countReload('failed', clock.nowMs());
    // A problem that remains is logged once, although secret managers are read again and again.
    if (text !== failure?.text) {
      const problems = error instanceof ConfigError ? error.problems : [text];
      logger.error({ problems, config: current }, error instanceof ConfigError ? error.message : text);
    }
    failure = { text, at: failure?.text === text ? failure.at : new Date(clock.nowMs()).toISOString() };
  };
  const succeed = ({ isSame, ...versions }: ReloadedConfig): void => {
    metrics.countReload(isSame ? 'unchanged' : 'applied', clock.nowMs());
    if (isSame && failure === undefined) logger.debug({ config: versions }, 'configuration unchanged');
    else logger.info({ config: versions }, 'configuration reloaded');
    failure = undefined;
    use(versions);
  };
  return {
    use,
    report: async (reload) => {
      try {
        succeed(await reload());
      } catch (error) {
        fail(error);
        throw error;
      }
    },
    describe: () => ({
      ...(current && { configuration: current.version, secrets: current.secretsVersion }),
      ...(failure && { reload: `failed at ${failure.at}, so the configuration before it is in use: ${failure.text}` }),
    }),
  };
}

/** Returns why a configuration cannot be used. The text of any other error than a `ConfigError` may quote a secret. */
function describeProblems(error: unknown): string {
  if (error instanceof ConfigError) return error.problems.join('; ');
  return `the configuration could not be reloaded (${describeForeignError(error).name})`;
}
