/** A part of an operator's text that stands for the caller: `{user}` or `{claim:name}`. */
const placeholder = /\{(user|claim:[^{}]+)\}/g;
const onlyPlaceholder = /^\{(user|claim:[^{}]+)\}$/;

/**
 * What a placeholder beside other text may become. None of these characters ends a name in a filter, a channel or a list: there is no space, quote,
 * colon, comma, star or bracket, no leading minus sign, which means "not" in filters, and no `||`, which means "or".
 */
const ownForm = /^(?!.*\|\|)[A-Za-z0-9_][A-Za-z0-9_.@|+-]{0,254}$/;

/** Returns the placeholders in the texts and the names of a value, such as `user` and `claim:team`. */
export function listPlaceholders(value: unknown): readonly string[] {
  return textsOf(value).flatMap((text) => [...text.matchAll(placeholder)].map(([, what = '']) => what));
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  const names = Array.isArray(value) ? [] : Object.keys(value);
  return [...names, ...Object.values(value).flatMap(textsOf)];
}

/**
 * Returns a value with its placeholders filled, or undefined if one of them has no value that may stand in it. Such a value is
 * never left out: `owner:=` without an owner would match what belongs to other people.
 *
 * A text that is only one placeholder becomes the value itself, of whatever type: no other text is beside it. A member of a list
 * does not, because vendors receive some lists as one text.
 */
export function fillPlaceholders(value: unknown, ownOf: (what: string) => unknown): unknown {
  let isComplete = true;
  const check = <Own>(own: Own | null | undefined): Own | undefined => {
    isComplete &&= own !== undefined && own !== null;
    return own ?? undefined;
  };
  const fillText = (text: string): string =>
    text.replaceAll(placeholder, (_, what: string) => check(toOwn(ownOf(what))) ?? '');
  const fill = (part: unknown, isMember = false): unknown => {
    if (typeof part === 'string') {
      const [, what] = isMember ? [] : (onlyPlaceholder.exec(part) ?? []);
      return what === undefined ? fillText(part) : check(ownOf(what));
    }
    if (Array.isArray(part)) return part.map((member) => fill(member, true));
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([name, member]) => [fillText(name), fill(member)]));
  };
  const filled = fill(value);
  return isComplete ? filled : undefined;
}

function toOwn(own: unknown): string | undefined {
  const text = Number.isSafeInteger(own) ? String(own) : own;
  return typeof text === 'string' && ownForm.test(text) ? text : undefined;
}
