import { expect, test } from 'vitest';
import { escapeUnprintable, countOf, print, widthOf, wrap } from './terminal.ts';

const longestOf = (text: string) => Math.max(...text.split('\n').map(({ length }) => length));

test('wrap breaks a long line between words, and indents each further line', () => {
  const text = `✗ connection vital: ${'Check the secrets. '.repeat(12)}`.trim();
  const wrapped = wrap(text, 80);
  expect(longestOf(wrapped)).toBeLessThanOrEqual(80);
  expect(
    wrapped
      .split('\n')
      .slice(1)
      .every((line) => /^ {2}\S/.test(line)),
  ).toBe(true);
  expect(wrapped.replaceAll(/\n */g, ' ')).toBe(text);
});

test('wrap keeps lines of at most 80 columns, with their indentation and the spaces in them', () => {
  const text = `\n  one  two\n\n    ${'x'.repeat(76)}\n`;
  expect(wrap(text, 80)).toBe(text);
});

test('wrap adds to the indentation of the broken line', () => {
  const [, second = '', third = ''] = wrap(`    ${'word '.repeat(40)}`, 80).split('\n');
  expect(second).toMatch(/^ {6}word/);
  expect(third).toMatch(/^ {6}word/);
  expect(wrap(`    ${'word '.repeat(40)}`, 80, 0).split('\n')[1]).toMatch(/^ {4}word/);
});

test('wrap keeps a long URL whole, and the words of a command between backticks together', () => {
  const url = `https://id.example.com/${'path/'.repeat(20)}`;
  expect(wrap(`issuer ${url} has no keys`, 80).split('\n')).toEqual(['issuer', `  ${url}`, '  has no keys']);
  const command = '`npm install @valetkey/broker`';
  expect(wrap(`${'x'.repeat(60)} ${command}, then again`, 80).split('\n')).toEqual([
    'x'.repeat(60),
    `  ${command}, then again`,
  ]);
});

test('wrap breaks a text between backticks that is longer than a line', () => {
  expect(longestOf(wrap(`write \`${'word '.repeat(30)}\` there`, 80))).toBeLessThanOrEqual(80);
});

test('wrap does not count the codes of colours', () => {
  const text = `\u001b[32m✓\u001b[39m ${'x'.repeat(70)} ${'y'.repeat(7)}`;
  expect(wrap(text, 80)).toBe(text);
});

test.each([
  [true, 200, 80],
  [true, 60, 60],
  [true, 0, 80],
  [true, undefined, 80],
  [false, 60, Infinity],
  [undefined, undefined, Infinity],
])('widthOf an output with isTTY %s and %s columns is %d', (isTTY, columns, width) => {
  expect(widthOf({ ...(isTTY !== undefined && { isTTY }), ...(columns !== undefined && { columns }) })).toBe(width);
});

test('print breaks lines at a terminal, and prints each finding as one line to a file or a pipe', () => {
  const text = `✗ connection vital: ${'Check the secrets. '.repeat(12)}`.trim();
  const printedTo = (terminal: { isTTY?: boolean; columns?: number }) => {
    let printed = '';
    print(text, undefined, { ...terminal, write: (part) => (printed += part) });
    return printed;
  };
  expect(longestOf(printedTo({ isTTY: true, columns: 40 }))).toBeLessThanOrEqual(40);
  expect(printedTo({})).toBe(`${text}\n`);
});

test('countOf writes the noun in the plural, except after 1', () => {
  expect([0, 1, 2].map((count) => countOf(count, 'key'))).toEqual(['0 keys', '1 key', '2 keys']);
});

test.each([
  ['alice@example.com', 'alice@example.com'],
  ['Zoë 李', 'Zoë 李'],
  ['a\u001b[2Jb\tc\nd', 'a\\u{1b}[2Jb\\u{9}c\\u{a}d'],
  ['a\u202eb\u2028c\ud800', 'a\\u{202e}b\\u{2028}c\\u{d800}'],
])('escapeUnprintable returns a text that cannot control a terminal for %j', (text, printed) => {
  expect(escapeUnprintable(text)).toBe(printed);
});
