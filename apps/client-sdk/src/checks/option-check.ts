import { isObject } from './is-object.ts';

/** Throws a `TypeError` that names an option unless `holds`. */
export type OptionCheck = (holds: boolean, option: string, rule: string) => void;

export function createOptionCheck(where: string): OptionCheck {
  return (holds, option, rule) => {
    // The message does not contain the value, because the value may be a credential.
    if (!holds) throw new TypeError(`${where}: \`${option}\` ${rule}.`);
  };
}

/** Throws a `TypeError` unless `options` is an object that has only options of `names`. Returns the check of their values. */
export function checkOptionNames(where: string, options: unknown, names: readonly string[]): OptionCheck {
  const check = createOptionCheck(where);
  check(isObject(options), 'options', 'must be an object');
  for (const name of Object.keys(options as object)) check(names.includes(name), name, 'is not an option');
  return check;
}
