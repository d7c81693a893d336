import { hash } from 'node:crypto';
import type { Config } from '../config/config.ts';

/**
 * Returns a text that is equal for equal rules: those of the connections, of their allow-lists and of forward
 * authentication. A function is represented by
 * its source.
 */
export function versionOfPolicies({ connections, forwardAuth }: Pick<Config, 'connections' | 'forwardAuth'>): string {
  const rules = connections.map(({ name, policy, options: { allow } }) => [name, policy, allow]);
  const text = JSON.stringify([rules, forwardAuth.policy], (_, value: unknown) =>
    typeof value === 'function' ? String(value) : value,
  );
  return hash('sha256', text, 'base64url').slice(0, 12);
}
