/** A part of an operator's text that stands for the caller: `{user}` or `{claim:name}`. */
const placeholder = /\{(user|claim:[^{}]+)\}/g;

/**
 * What a placeholder may become. None of these characters ends a name in a filter, a channel or a list: there is no space, quote,
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
 */
export function fillPlaceholders(value: unknown, ownOf: (what: string) => unknown): unknown {
  const owns = new Map(listPlaceholders(value).map((what) => [what, toOwn(ownOf(what))]));
  if ([...owns.values()].includes(undefined)) return undefined;
  return fill(value, (text) => text.replaceAll(placeholder, (_, what: string) => owns.get(what) ?? ''));
}

function toOwn(own: unknown): string | undefined {
  const text = Number.isSafeInteger(own) ? String(own) : own;
  return typeof text === 'string' && ownForm.test(text) ? text : undefined;
}

function fill(value: unknown, fillText: (text: string) => string): unknown {
  if (typeof value === 'string') return fillText(value);
  if (Array.isArray(value)) return value.map((member) => fill(member, fillText));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [fillText(name), fill(member, fillText)]));
}
