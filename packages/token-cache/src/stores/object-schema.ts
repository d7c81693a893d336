import { z } from 'zod';

/**
 * Returns a schema that accepts an object with these functions, such as a store or a clock, and returns it unchanged.
 */
export function objectWithFunctions<Value>(
  names: readonly string[],
  error = `must have the functions ${names.join(', ')}`,
): z.ZodType<Value, Value> {
  return z.custom<Value>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      names.every((name) => typeof Reflect.get(value, name) === 'function'),
    { error },
  );
}
