import type { Config } from './config.ts';
import type { ReferenceUse } from './references.ts';

/** A configuration as written, with its references resolved, and parsed. */
export interface LoadedConfig {
  /** The configuration as the file has it, with references. */
  readonly written: unknown;
  /** The configuration with the values of the references. */
  readonly resolved: unknown;
  /** The configuration as the schemas parse it. */
  readonly config: Config;
  /** The references of the configuration. */
  readonly uses: readonly ReferenceUse[];
  /**
   * Whether the file is YAML or JSON. In a TypeScript or JavaScript module, a text may have been read from elsewhere, so it is
   * not reported as a literal secret.
   */
  readonly isData: boolean;
}
