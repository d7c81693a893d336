import { createHash } from 'node:crypto';
import {
  base64,
  base64url,
  digits,
  hexadecimal,
  percentEncoded,
  printable,
  type CharacterSet,
} from './character-set.ts';

/** A function that a template applies to a value. */
interface Filter {
  readonly apply: (value: unknown, argument: string) => unknown;
  /** The characters of the result. Absent: those of the value. */
  readonly characters?: CharacterSet | undefined;
  /** What the value must be: a moment or a duration of the broker, or any number of its own. Absent: any value. */
  readonly of?: 'time' | 'number' | undefined;
  /** Checks the argument. Absent: the filter has none. */
  readonly argument?: RegExp | undefined;
}

/** The most characters of a secret that `prefix` shows. */
const maxPrefix = 4;

/** Every filter. The list is closed: a recipe cannot add one. */
export const filters: Readonly<Record<string, Filter>> = {
  json: { apply: (value) => JSON.stringify(value), characters: printable },
  'canonical-json': { apply: (value) => JSON.stringify(sortDeeply(value)), characters: printable },
  query: { apply: (value) => toQuery(value), characters: printable },
  base64: { apply: (value) => Buffer.from(toText(value)).toString('base64'), characters: base64 },
  base64url: { apply: (value) => Buffer.from(toText(value)).toString('base64url'), characters: base64url },
  uri: { apply: (value) => encodeURIComponent(toText(value)), characters: percentEncoded },
  sha256: { apply: (value) => createHash('sha256').update(toText(value)).digest('hex'), characters: hexadecimal },
  text: { apply: (value) => toText(value) },
  list: { apply: (value) => [value] },
  milliseconds: { apply: (value) => Number(value) * 1_000, characters: digits, of: 'number' },
  minutes: { apply: (value) => Math.max(1, Math.floor(Number(value) / 60)), characters: digits, of: 'number' },
  'iso-date': { apply: (value) => toIsoDate(Number(value)), characters: printable, of: 'time' },
  join: { apply: (value, separator) => toList(value).join(separator), characters: printable, argument: /^[ ,;]$/ },
  prefix: { apply: (value, length) => toText(value).slice(0, Number(length)), argument: /^[1-9]$/ },
};

/** Returns whether a filter shows so little of a secret that the result is none: the key's name in a vendor's own format. */
export function hidesSecret(name: string, argument: string): boolean {
  return name === 'prefix' && Number(argument) <= maxPrefix;
}

/** Returns the text of a value as it stands in a URL, a header or a signed line. */
export function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

function toList(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value]).map(toText);
}

function toIsoDate(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}

/** Returns the fields of an object as a query in the order of their names; a list has its members between commas. */
function toQuery(value: unknown): string {
  return Object.entries((value ?? {}) as object)
    .filter(([, field]) => field !== undefined)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, field]) => `${encodeURIComponent(name)}=${encodeURIComponent(describeField(field))}`)
    .join('&');
}

function describeField(field: unknown): string {
  return Array.isArray(field) ? field.map(toText).join(',') : toText(field);
}

/** Sorts the names of objects and the members of lists of texts, at every depth. */
function sortDeeply(value: unknown): unknown {
  if (Array.isArray(value)) {
    const members = value.map(sortDeeply);
    return members.every((member) => typeof member === 'string') ? members.toSorted() : members;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([name, member]) => [name, sortDeeply(member)]));
}
