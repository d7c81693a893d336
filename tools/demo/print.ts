import { styleText } from 'node:util';
import type { Step } from './steps.ts';

/** The longest line of the demo, so that a terminal of this width breaks no line. */
export const maxColumns = 80;

export interface Result {
  readonly step: Step;
  readonly passed: boolean;
  /** A sentence about the result. */
  readonly outcome: string;
  readonly milliseconds: number;
}

/** Breaks a text at its spaces into lines of at most 80 characters, each indented by `indent` spaces. */
export function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && indent + last.length + 1 + word.length <= maxColumns) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines.map((line) => ' '.repeat(indent) + line).join('\n');
}

export function formatResult({ step, passed, outcome }: Result): string {
  const mark = passed ? styleText('green', '✓') : styleText('red', '✗');
  return `${mark} ${step.vendor}: ${step.name}\n${wrap(outcome, 4)}`;
}

/** Returns one line about a result. */
export function formatLine({ step, passed, outcome }: Result): string {
  const mark = passed ? styleText('green', '✓') : styleText('red', '✗');
  return `${mark} ${step.vendor} (${step.name}): ${outcome}`;
}

/** Returns one row for each step: vendor, step, outcome and milliseconds. */
export function formatTable(results: readonly Result[]): string {
  const rows = results.map(({ step, passed, milliseconds }) => [
    step.vendor,
    step.name,
    passed ? 'passed' : 'FAILED',
    milliseconds.toFixed(1),
  ]);
  const head = ['vendor', 'step', 'outcome', 'ms'];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const formatRow = (row: readonly string[]) =>
    row.map((cell, column) => (column === 3 ? cell.padStart(widths[3] ?? 0) : cell.padEnd(widths[column] ?? 0)));
  const lines = [head, widths.map((width) => '─'.repeat(width)), ...rows].map(
    (row) => `  ${formatRow(row).join('  ')}`,
  );
  return lines.join('\n');
}
