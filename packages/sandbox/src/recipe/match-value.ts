import type { SampleValue } from '@valetkey/core-types';
import { isOptionalText, matchText, misfit, type Comparison } from './match-text.ts';

/**
 * Compares a value with its form. A form or a query holds texts alone: there, a number is written as a text, a variable may be a
 * group of fields, and a list has the fields `0`, `1` and so on.
 */
export function matchValue(form: SampleValue, value: unknown, comparison: Comparison): void {
  if ('text' in form) {
    const [only] = form.text;
    if (form.text.length === 1 && typeof only === 'object' && 'variable' in only) {
      comparison.found.set(only.variable, { value, unit: only.unit });
    } else if (typeof value === 'string') matchText(form.text, value, comparison);
    else misfit(form.text, comparison);
  } else if ('literal' in form) {
    if (String(form.literal) !== String(value)) comparison.misfits.add('form');
  } else if ('list' in form) {
    matchList(form.list, value, comparison);
  } else {
    matchFields(form.fields, value, comparison);
  }
}

/** Compares the fields of an object with their forms. No other field may be there. */
export function matchFields(
  fields: Readonly<Record<string, SampleValue>>,
  value: unknown,
  comparison: Comparison,
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    comparison.misfits.add('form');
    return;
  }
  const given = new Map<string, unknown>(Object.entries(value));
  for (const [name, form] of Object.entries(fields)) {
    if (given.has(name)) matchValue(form, given.get(name), comparison);
    else if (!isOptional(form)) noteMissing(form, comparison);
    given.delete(name);
  }
  if (given.size > 0) comparison.misfits.add('form');
}

function matchList(forms: readonly SampleValue[], value: unknown, comparison: Comparison): void {
  const members: unknown = Array.isArray(value) || typeof value !== 'object' ? value : Object.values(value ?? {});
  if (!Array.isArray(members)) {
    comparison.misfits.add('form');
    return;
  }
  // A member whose value is absent is left out, and the others move up.
  const given = forms.length === members.length ? forms : forms.filter((form) => !isOptional(form));
  if (given.length !== members.length) comparison.misfits.add('form');
  for (const [index, form] of given.entries()) matchValue(form, members[index], comparison);
}

/** Returns whether a value may be absent: an optional text, or an object whose fields may all be absent. */
function isOptional(form: SampleValue): boolean {
  if ('text' in form) return isOptionalText(form.text);
  if (!('fields' in form)) return false;
  const members = Object.values(form.fields);
  return members.length > 0 && members.every(isOptional);
}

function noteMissing(form: SampleValue, comparison: Comparison): void {
  if ('text' in form) misfit(form.text, comparison);
  else comparison.misfits.add('form');
}
