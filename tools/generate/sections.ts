/**
 * Returns the text with new content between the markers `<!-- name:start -->` and `<!-- name:end -->`; in code, the markers
 * are the comments `// name:start` and `// name:end`. Throws if the markers are missing.
 */
export function replaceSection(text: string, name: string, content: string): string {
  const { from, to } = findSection(text, name);
  return `${text.slice(0, from)}\n\n${content}\n\n${text.slice(to)}`;
}

/** Returns what a text has between the markers of a section. Throws if the markers are missing. */
export function readSection(text: string, name: string): string {
  const { from, to } = findSection(text, name);
  return text.slice(from, to).trim();
}

function findSection(text: string, name: string): { readonly from: number; readonly to: number } {
  for (const [start, end] of [
    [new RegExp(`^<!-- ${name}:start -->$`, 'm'), `<!-- ${name}:end -->`],
    [new RegExp(`^// ${name}:start.*$`, 'm'), `// ${name}:end`],
  ] as const) {
    const found = start.exec(text);
    if (found === null) continue;
    const from = found.index + found[0].length;
    const to = text.indexOf(end, from);
    if (to >= 0) return { from, to };
  }
  throw new Error(`The markers of the section ${name} are missing.`);
}
