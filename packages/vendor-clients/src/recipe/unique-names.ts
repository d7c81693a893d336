const quote = '"';

/**
 * Returns whether no object of a JSON text has a name twice. Readers of JSON disagree about which of two values counts (RFC 8259
 * section 4), so a check of one value says nothing about the other. The text must be valid JSON.
 */
export function hasUniqueNames(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let names: Set<string> | undefined;
  let isName = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === quote) {
      const end = findEnd(text, index);
      if (isName && names !== undefined) {
        const name = JSON.parse(text.slice(index, end + 1)) as string;
        if (names.has(name)) return false;
        names.add(name);
        isName = false;
      }
      index = end;
    } else if (character === '{' || character === '[') {
      names = character === '{' ? new Set() : undefined;
      open.push(names);
      isName = character === '{';
    } else if (character === '}' || character === ']') {
      open.pop();
      names = open.at(-1);
      isName = false;
    } else if (character === ',') {
      isName = names !== undefined;
    }
  }
  return true;
}

/** Returns the place of the quotation mark that ends a text. */
function findEnd(text: string, start: number): number {
  for (let end = text.indexOf(quote, start + 1); end >= 0; end = text.indexOf(quote, end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}
