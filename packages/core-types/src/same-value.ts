import { Secret } from './credentials.ts';

/**
 * Returns whether two parsed configurations are the same: plain data by its parts, and secrets by their texts. Other values, such
 * as functions and keys, are the same only if they are one object or say so themselves with `equals`, so that what cannot be
 * compared counts as changed.
 *
 * @example
 * ```ts
 * import { isSameValue, Secret } from '@valetkey/core-types';
 *
 * isSameValue({ apiKey: new Secret('a') }, { apiKey: new Secret('a') }); // true
 * ```
 */
export function isSameValue(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return false;
  if (one instanceof Secret) return one.reveal() === (other as Secret).reveal();
  if (one instanceof RegExp) return String(one) === String(other);
  if (one instanceof Map || one instanceof Set) return isSameValue([...one], [...(other as Iterable<unknown>)]);
  if (Array.isArray(one)) {
    const others = other as readonly unknown[];
    return one.length === others.length && one.every((item, index) => isSameValue(item, others[index]));
  }
  return isPlain(one) ? haveSameParts(one, other) : isEqualKey(one, other);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** An absent part and a part that is undefined are the same. */
function haveSameParts(one: object, other: object): boolean {
  const [parts, others] = [one, other] as [Record<string, unknown>, Record<string, unknown>];
  const names = new Set([...Object.keys(parts), ...Object.keys(others)]);
  return [...names].every((name) => isSameValue(parts[name], others[name]));
}

/** `KeyObject` of Node compares itself. Every other object of a class counts as changed, because its private parts are not seen. */
function isEqualKey(one: object, other: object): boolean {
  const { equals } = one as { equals?: unknown };
  return typeof equals === 'function' && equals.call(one, other) === true;
}
