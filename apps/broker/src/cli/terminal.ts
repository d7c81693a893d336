import { stripVTControlCharacters, styleText } from 'node:util';

const maxColumns = 80;

/**
 * Breaks each line of a text that has more than 80 columns. `indentation` is that of the further lines, beyond the indentation of
 * the broken line. A word stays whole, as do words between backticks: an operator may copy a URL or a command.
 */
export function wrap(text: string, indentation = 2): string {
  return text
    .split('\n')
    .map((line) => wrapLine(line, indentation))
    .join('\n');
}

function wrapLine(line: string, indentation: number): string {
  const margin = ' '.repeat(line.search(/\S|$/) + indentation);
  const lines: string[] = [];
  let current = '';
  for (const word of line.match(/\s*(?:`[^`]{0,70}`|\S)+/g) ?? []) {
    if (current !== '' && columnsOf(current + word) > maxColumns) {
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

/** Prints a text to standard output, in lines of at most 80 columns. */
export function print(text: string, indentation?: number): void {
  process.stdout.write(`${wrap(text, indentation)}\n`);
}

/** Prints a text to standard error, in lines of at most 80 columns. */
export function printError(text: string): void {
  process.stderr.write(`${wrap(text)}\n`);
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
