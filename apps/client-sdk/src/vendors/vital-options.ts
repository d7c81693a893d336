import type { OptionCheck } from '../checks/option-check.ts';
import type { ConnectionOption } from '../client/register.ts';
import { parseConnection } from './connection.ts';

/** The environment and the region of an API key of Vital. */
export interface VitalApiKeySession {
  /** For example `sandbox` or `production`. */
  readonly environment: string;
  /** For example `us` or `eu`. */
  readonly region: string;
}

/** The options of `vitalReconcile`. */
export interface VitalReconcileOptions extends ConnectionOption<'vital'> {
  /**
   * The API key that earlier versions of the app signed in with. Vital migrates such a session only within one environment
   * and region, and its SDK reports neither. Without this option, the function refuses to sign over an API-key session
   * (`migration_refused`).
   */
  readonly apiKeySession?: VitalApiKeySession | undefined;
  /** Signs another user's API-key session out instead of refusing the call. Default: false. */
  readonly replaceUser?: boolean | undefined;
  /**
   * Configures Vital's SDK, which iOS requires before any other call. The function calls it once, and again after it failed.
   */
  readonly configure?: (() => unknown) | undefined;
  /** Milliseconds that each call of Vital's SDK may take. Default: the `timeoutMs` of the client. */
  readonly timeoutMs?: number | undefined;
}

/** The options after validation, with their connection filled in. */
export interface ParsedReconcileOptions extends Omit<VitalReconcileOptions, 'connection'> {
  readonly connection: string;
}

const otherOptions = ['apiKeySession', 'replaceUser', 'configure', 'timeoutMs'];

export function parseReconcileOptions(options: VitalReconcileOptions): ParsedReconcileOptions {
  const [connection, check] = parseConnection('vitalReconcile', 'vital', options, otherOptions);
  const { apiKeySession, replaceUser = false, configure, timeoutMs = 1 } = options;
  if (apiKeySession !== undefined) checkApiKeySession(apiKeySession, check);
  check(typeof replaceUser === 'boolean', 'replaceUser', 'must be true or false');
  check(configure === undefined || typeof configure === 'function', 'configure', 'must be a function');
  check(typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs < 2 ** 31, 'timeoutMs', 'must be above 0');
  return { ...options, connection };
}

function checkApiKeySession(session: unknown, check: OptionCheck): void {
  const fields = typeof session === 'object' && session !== null ? { ...session } : {};
  const { environment, region, ...others } = fields as Record<string, unknown>;
  const isComplete = isText(environment) && isText(region) && Object.keys(others).length === 0;
  check(isComplete, 'apiKeySession', 'must have the texts `environment` and `region`, and nothing else');
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
