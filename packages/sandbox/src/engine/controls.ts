import { z } from 'zod';
import type { SigningKeys } from './signing-keys.ts';

/** An action of a vendor's console. Code calls it as a function; an HTTP client calls it with `POST /_state`. */
export interface Control<Run extends (...values: never[]) => unknown = (...values: never[]) => unknown> {
  /** The function in code. */
  readonly run: Run;
  /** Parses the JSON value of `POST /_state` into a function that takes the action. */
  readonly action: z.ZodType<() => Promise<void>>;
}

/**
 * Makes a function of a simulation callable over HTTP. `POST /_state` parses its value with the schema and calls the
 * function with the result; code calls the function directly.
 *
 * @example
 * ```ts
 * import { control } from '@valetkey/sandbox';
 * import { z } from 'zod';
 *
 * let enabled = true;
 * const setEnabled = control(z.boolean(), (value) => {
 *   enabled = value;
 * });
 * ```
 */
export function control<Schema extends z.ZodType, Run extends (value: z.output<Schema>) => unknown>(
  schema: Schema,
  run: Run,
): Control<Run> {
  return {
    run,
    action: schema.transform((value) => async () => {
      await run(value);
    }),
  };
}

type Controls = Readonly<Record<string, Control>>;

/**
 * Returns the schema for the body of `POST /_state`, which names simulations and their controls. The schema parses the whole
 * body into one function, so that an invalid part prevents every change. Keys are rotated before keys are withdrawn.
 */
export function createControlSchema(
  controls: Readonly<Record<string, Controls>>,
  keys: Readonly<Record<string, SigningKeys>>,
): z.ZodType<() => Promise<void>> {
  const issuers = z.array(z.enum(Object.keys(keys)));
  const groups: Readonly<Record<string, Controls>> = {
    ...controls,
    keys: {
      rotate: control(issuers, (names) => Promise.all(names.map((name) => keys[name]?.rotate()))),
      withdraw: control(issuers, (names) => Promise.all(names.map((name) => keys[name]?.withdraw()))),
    },
  };
  return z.strictObject(mapValues(groups, toSchema)).transform((actions) => async () => {
    for (const group of Object.values(actions)) {
      for (const act of Object.values(group ?? {})) await act?.();
    }
  });
}

function toSchema(controls: Controls) {
  return z.strictObject(mapValues(controls, ({ action }) => action.optional())).optional();
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
