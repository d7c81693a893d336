export type JsonObject = Readonly<Record<string, unknown>>;

const maximumDepth = 32;
const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Members written in a valid JSON text, or `undefined` where it nests too deep. */
function countWrittenMembers(text: string): number | undefined {
  let members = 0;
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === quote) {
      for (index += 1; text.charCodeAt(index) !== quote; index += 1) {
        if (text.charCodeAt(index) === backslash) index += 1;
      }
    } else if (code === colon) {
      members += 1;
    } else if (code === openBrace || code === openBracket) {
      depth += 1;
      if (depth > maximumDepth) return undefined;
    } else if (code === closeBrace || code === closeBracket) {
      depth -= 1;
    }
  }
  return members;
}

/** Members that a parsed value kept. */
function countKeptMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const children: unknown[] = Object.values(value);
  let members = Array.isArray(value) ? 0 : children.length;
  for (const child of children) members += countKeptMembers(child);
  return members;
}

/**
 * Parses a JSON object; `undefined` for anything else, for more than 32 levels, and for an object with two members of
 * one name: parsers differ in which of the two they keep, so that one text could mean two things to two readers.
 */
export function parseStrictObject(text: string): JsonObject | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const written = countWrittenMembers(text);
  return written !== undefined && written === countKeptMembers(value) ? value : undefined;
}
