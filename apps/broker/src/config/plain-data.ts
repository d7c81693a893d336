import { Secret } from '@valetkey/core-types';
import { toConfigPath } from './config-path.ts';

/** Returns whether a value is an object as JSON and YAML create them, also in another realm, or one without a prototype. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Returns whether a path leads to the operator's own adapters. They are code and not data. */
export const isCode = ([field]: readonly PropertyKey[]): boolean => field === 'adapters';

/** The most levels of a configuration. Deeper ones would exhaust the stack of whatever reads them. */
const maxLevels = 100;

/**
 * Returns a problem for each part of a configuration that is no plain data: an instance of a class, an object that contains
 * itself, one below too many levels, and a field `__proto__`, which a copy of the object would lose.
 */
export function findUnplainData(
  value: unknown,
  path: readonly PropertyKey[] = [],
  parents: readonly object[] = [],
): string[] {
  if (typeof value !== 'object' || value === null || value instanceof Secret || isCode(path)) return [];
  const at = toConfigPath(path) || '(the whole configuration)';
  if (parents.includes(value)) return [`${at}: contains itself`];
  if (path.length > maxLevels) return [`${toConfigPath(path.slice(0, 3))}: has more than ${maxLevels} levels`];
  const inside = [...parents, value];
  if (Array.isArray(value)) return value.flatMap((item, index) => findUnplainData(item, [...path, index], inside));
  if (!isPlainObject(value)) return [`${at}: must be plain data, not an instance of a class`];
  return Object.entries(value).flatMap(([key, item]) =>
    key === '__proto__'
      ? [`${at}: has a field \`__proto__\`, which is not allowed`]
      : findUnplainData(item, [...path, key], inside),
  );
}
