import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

const file = new URL('../../docs/benchmarks.md', import.meta.url);

const preamble = `# Benchmarks

Each section is written by its command, on one machine and in one run. Machines differ: compare the ratios, and run the command on yours.
`;

/** Returns a sentence about the machine that the measurement runs on. */
export function describeMachine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() || 'unknown processor';
  return `Node ${process.version}, ${processors.length} × ${model}, ${new Date().toISOString().slice(0, 10)} (UTC).`;
}

/** Returns a Markdown table. Its first column is text, and the other columns are numbers. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map(line).join('\n');
}

/** Replaces one section of docs/benchmarks.md and leaves the others unchanged. */
export function writeSection(name: string, markdown: string): void {
  const [begin, end] = [`<!-- bench ${name} -->`, `<!-- /bench ${name} -->`];
  const text = existsSync(file) ? readFileSync(file, 'utf8') : preamble;
  const section = `${begin}\n\n${markdown.trim()}\n\n${end}`;
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  const next =
    from === -1 || to === -1
      ? `${text.trimEnd()}\n\n${section}\n`
      : text.slice(0, from) + section + text.slice(to + end.length);
  writeFileSync(file, next);
}
