/**
 * Returns the text with new content between the markers `<!-- name:start -->` and `<!-- name:end -->`; in code, the markers
 * are the comments `// name:start` and `// name:end`. Throws if the markers are missing.
 */
export function replaceSection(text: string, name: string, content: string): string {
  for (const [start, end] of [
    [new RegExp(`^<!-- ${name}:start -->$`, 'm'), `<!-- ${name}:end -->`],
    [new RegExp(`^// ${name}:start.*$`, 'm'), `// ${name}:end`],
  ] as const) {
    const found = start.exec(text);
    if (found === null) continue;
    const from = found.index + found[0].length;
    const to = text.indexOf(end, from);
    if (to >= 0) return `${text.slice(0, from)}\n\n${content}\n\n${text.slice(to)}`;
  }
  throw new Error(`The markers of the section ${name} are missing.`);
}
