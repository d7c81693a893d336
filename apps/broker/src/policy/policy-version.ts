import { hash } from 'node:crypto';
import type { Config } from '../config/config.ts';

/**
 * Returns a text that is equal for equal rules: those of the connections and of their allow-lists. A function is represented by
 * its source.
 */
export function versionOfPolicies({ connections }: Pick<Config, 'connections'>): string {
  const rules = connections.map(({ name, policy, options: { allow } }) => [name, policy, allow]);
  const text = JSON.stringify(rules, (_, value: unknown) => (typeof value === 'function' ? String(value) : value));
  return hash('sha256', text, 'base64url').slice(0, 12);
}
