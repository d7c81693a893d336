/** The characters from one code point to another. */
type Range = readonly [from: number, to: number];

/** The characters that a text may have. */
export interface CharacterSet {
  readonly ranges: readonly Range[];
  readonly has: (character: string) => boolean;
  /** Returns whether a text has no other characters. */
  readonly accepts: (text: string) => boolean;
}

/** The control characters and the lone surrogates, which no set has, apart from the line breaks and tabs of `multiline`. */
const forbidden: readonly Range[] = [
  [0, 0x1f],
  [0x7f, 0x9f],
  [0xd800, 0xdfff],
];
const printableRanges: readonly Range[] = [
  [0x20, 0x7e],
  [0xa0, 0xd7ff],
  [0xe000, 0x10ffff],
];

/** Every character except control characters and lone surrogates. */
export const printable: CharacterSet = { ...ofRanges(printableRanges), accepts: accepterOf(/^[^\p{Cc}\p{Cs}]*$/u) };

/** Every character except lone surrogates and control characters other than line breaks and tabs. */
const multiline: CharacterSet = {
  ...ofRanges([...printableRanges, [0x09, 0x0a], [0x0d, 0x0d]]),
  accepts: accepterOf(/^(?:[^\p{Cc}\p{Cs}]|[\t\n\r])*$/u),
};

/** The characters that cannot change the meaning of any text around them. */
export const alphanumeric: CharacterSet = parseCharacters('A-Za-z0-9');

export const digits: CharacterSet = parseCharacters('0-9');
export const hexadecimal: CharacterSet = parseCharacters('0-9a-f');
export const base64: CharacterSet = parseCharacters('A-Za-z0-9+/=');
export const base64url: CharacterSet = parseCharacters('A-Za-z0-9_-');
/** The characters that `encodeURIComponent` returns (ECMA-262 section 19.2.6.4). */
export const percentEncoded: CharacterSet = parseCharacters("A-Za-z0-9%_.!~*'()-");

/**
 * Parses a set of characters: single characters and ranges, such as `A-Za-z0-9_-`. A hyphen at the end stands for itself.
 * `printable` is every character except control characters, and `multiline` is the same with line breaks and tabs.
 *
 * Throws a `TypeError` for a range that runs backwards and for a control character.
 */
export function parseCharacters(text: string): CharacterSet {
  if (text === 'printable') return printable;
  if (text === 'multiline') return multiline;
  const ranges: Range[] = [];
  const characters = [...text];
  for (let index = 0; index < characters.length; index += 1) {
    const first = characters[index] ?? '';
    const isRange = characters[index + 1] === '-' && index + 2 < characters.length;
    const last = isRange ? (characters[index + 2] ?? '') : first;
    if (isRange) index += 2;
    ranges.push(parseRange(first, last));
  }
  return ofRanges(ranges);
}

function parseRange(first: string, last: string): Range {
  const from = first.codePointAt(0) ?? 0;
  const to = last.codePointAt(0) ?? 0;
  if (from > to) throw new TypeError(`the range ${first}-${last} runs backwards`);
  if (to - from > 0xffff) throw new TypeError(`the range ${first}-${last} is too long`);
  const isForbidden = forbidden.some((range) => from <= range[1] && range[0] <= to);
  if (isForbidden) throw new TypeError('a control character cannot be allowed');
  return [from, to];
}

function ofRanges(ranges: readonly Range[]): CharacterSet {
  const has = (character: string): boolean => {
    const point = character.codePointAt(0) ?? -1;
    return ranges.some(([from, to]) => from <= point && point <= to);
  };
  return { ranges, has, accepts: (text) => [...text].every(has) };
}

function accepterOf(pattern: RegExp): (text: string) => boolean {
  return (text) => pattern.test(text);
}

/** Returns the set of the characters of some texts. */
export function charactersOf(texts: readonly string[]): CharacterSet {
  return ofRanges([...new Set(texts.join(''))].map((character) => rangeOf(character)));
}

function rangeOf(character: string): Range {
  const point = character.codePointAt(0) ?? 0;
  return [point, point];
}

/** Returns the set that has every character of both. */
export function unite(one: CharacterSet, other: CharacterSet): CharacterSet {
  const merged: Range[] = [];
  for (const [from, to] of [...one.ranges, ...other.ranges].toSorted(([first], [second]) => first - second)) {
    const [start, end] = merged.at(-1) ?? [0, -2];
    if (from > end + 1) merged.push([from, to]);
    else merged[merged.length - 1] = [start, Math.max(end, to)];
  }
  return ofRanges(merged);
}

/** Returns whether a header can contain every text of a set as it is: it has visible ASCII alone (RFC 9110 section 5.5). */
export function fitsIntoHeader({ ranges }: CharacterSet): boolean {
  return ranges.every(([from, to]) => from >= 0x21 && to <= 0x7e);
}
