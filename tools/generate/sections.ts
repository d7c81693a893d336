/**
 * Returns a text whose section between `<!-- name:start -->` and `<!-- name:end -->` is replaced; in code, the markers are
 * comments `// name:start` and `// name:end`. Throws where the markers are missing.
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
