import { stripVTControlCharacters, styleText } from 'node:util';

/** The longest line that is easy to read. */
const maxColumns = 80;

/** Standard output or standard error, or what a test uses instead. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly write: (text: string) => unknown;
}

/**
 * Returns the number of columns at which `print` breaks a line. It is infinite for a file or a pipe, where each finding is one line, so
 * that `grep` finds all of it.
 */
export function widthOf({ isTTY, columns }: Pick<Output, 'isTTY' | 'columns'>): number {
  return isTTY === true ? Math.min(columns || maxColumns, maxColumns) : Infinity;
}

/**
 * Breaks each line of a text that has more than `width` columns. `indentation` is that of the further lines, beyond the
 * indentation of the broken line. A word stays whole, as do words between backticks: an operator may copy a URL or a command.
 */
export function wrap(text: string, width: number, indentation = 2): string {
  return text
    .split('\n')
    .map((line) => wrapLine(line, width, indentation))
    .join('\n');
}

function wrapLine(line: string, width: number, indentation: number): string {
  const margin = ' '.repeat(line.search(/\S|$/) + indentation);
  const lines: string[] = [];
  let current = '';
  for (const word of line.match(/\s*(?:`[^`]{0,70}`|\S)+/g) ?? []) {
    if (current !== '' && columnsOf(current + word) > width) {
      lines.push(current);
      current = margin + word.trimStart();
    } else current += word;
  }
  return [...lines, current].join('\n');
}

/** Returns the width of a text in a terminal. The codes of colours have no width. */
function columnsOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** Returns a text of another person with escapes in place of the characters that could control a terminal or hide text. */
export function escapeUnprintable(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** Prints a text to standard output. At a terminal, it breaks long lines. */
export function print(text: string, indentation?: number, output: Output = process.stdout): void {
  output.write(`${wrap(text, widthOf(output), indentation)}\n`);
}

/** Prints a text to standard error. At a terminal, it breaks long lines. */
export function printError(text: string): void {
  print(text, undefined, process.stderr);
}

const marks = {
  passed: ['green', '✓'],
  failed: ['red', '✗'],
  not_reached: ['dim', '·'],
  not_checked: ['yellow', '?'],
  warning: ['yellow', '!'],
} as const;

/** Returns the mark of an outcome. It has a colour if standard output is a terminal and `NO_COLOR` is not set. */
export function markOf(outcome: keyof typeof marks): string {
  const [colour, mark] = marks[outcome];
  return styleText(colour, mark);
}

/** Returns a number with its noun: `1 key`, `2 keys`. */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Returns a text that a terminal can print. Callers choose these texts, and some characters control a terminal. */
export function toPrintable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, '?');
}
