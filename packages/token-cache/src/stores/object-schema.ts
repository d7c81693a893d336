import { z } from 'zod';

/** Returns a schema for an object that has these functions and is otherwise left as it is: a store, a client, a clock. */
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
