/** The characters that a text may have. */
export interface CharacterSet {
  readonly has: (character: string) => boolean;
  /** Returns whether a text has no other characters. */
  readonly accepts: (text: string) => boolean;
}

/** Every character except control characters and lone surrogates. */
export const printable: CharacterSet = ofPattern(/^[^\p{Cc}\p{Cs}]*$/u);

/** Every character except lone surrogates and control characters other than line breaks and tabs. */
const multiline: CharacterSet = ofPattern(/^(?:[^\p{Cc}\p{Cs}]|[\t\n\r])*$/u);

/** The characters that cannot change the meaning of any text around them. */
export const alphanumeric: CharacterSet = parseCharacters('A-Za-z0-9');

export const hexadecimal: CharacterSet = parseCharacters('0-9a-f');
export const base64: CharacterSet = parseCharacters('A-Za-z0-9+/=');
export const base64url: CharacterSet = parseCharacters('A-Za-z0-9_-');
/** The characters that `encodeURIComponent` returns (ECMA-262 section 19.2.6.4). */
export const percentEncoded: CharacterSet = parseCharacters("A-Za-z0-9%_.!~*'()-");

/** The characters that a header can contain (RFC 9110 section 5.5), without spaces. */
const visibleAscii = Array.from({ length: 94 }, (_, index) => String.fromCharCode(0x21 + index));

/**
 * Parses a set of characters: single characters and ranges, such as `A-Za-z0-9_-`. A hyphen at the end stands for itself.
 * `printable` is every character except control characters, and `multiline` is the same with line breaks and tabs.
 *
 * Throws a `TypeError` for a range that runs backwards and for a control character.
 */
export function parseCharacters(text: string): CharacterSet {
  if (text === 'printable') return printable;
  if (text === 'multiline') return multiline;
  const members = new Set<string>();
  const characters = [...text];
  for (let index = 0; index < characters.length; index += 1) {
    const first = characters[index] ?? '';
    const isRange = characters[index + 1] === '-' && index + 2 < characters.length;
    const last = isRange ? (characters[index + 2] ?? '') : first;
    if (isRange) index += 2;
    addRange(members, first, last);
  }
  const accepts = (value: string): boolean => [...value].every((character) => members.has(character));
  return { has: (character) => members.has(character), accepts };
}

function addRange(members: Set<string>, first: string, last: string): void {
  const from = first.codePointAt(0) ?? 0;
  const to = last.codePointAt(0) ?? 0;
  if (from > to) throw new TypeError(`the range ${first}-${last} runs backwards`);
  if (to - from > 0xffff) throw new TypeError(`the range ${first}-${last} is too long`);
  for (let point = from; point <= to; point += 1) {
    const character = String.fromCodePoint(point);
    if (!printable.has(character)) throw new TypeError('a control character cannot be allowed');
    members.add(character);
  }
}

function ofPattern(pattern: RegExp): CharacterSet {
  return { has: (character) => pattern.test(character), accepts: (text) => pattern.test(text) };
}

/** Returns the set that has every character of both. */
export function unite(one: CharacterSet, other: CharacterSet): CharacterSet {
  const has = (character: string): boolean => one.has(character) || other.has(character);
  return { has, accepts: (text) => [...text].every(has) };
}

/** Returns whether a header can contain every text of a set as it is. */
export function fitsIntoHeader(set: CharacterSet): boolean {
  const outside = ['\u0000', '\n', '\r', ' ', '\u0080', 'é', '\u2028', '😀'];
  return !outside.some((character) => set.has(character)) && visibleAscii.some((character) => set.has(character));
}
