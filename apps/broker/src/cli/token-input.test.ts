import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { InputCancelled, parseToken, readToken } from './token-input.ts';

test.each([
  ['alone', 'a.b.c'],
  ['with a line end', 'a.b.c\r\n'],
  ['with a byte order mark', '\ufeffa.b.c\n'],
  ['after Bearer', 'Bearer a.b.c'],
  ['after bearer in lower case', 'bearer  a.b.c\n'],
  ['as a header line', 'Authorization: Bearer a.b.c\n'],
  ['as a header line without spaces', 'authorization:Bearer a.b.c'],
  ['in quotes', '"a.b.c"'],
  ['in single quotes, after Bearer', "'Bearer a.b.c'"],
  ['as a quoted header line', '"authorization: Bearer a.b.c"\n'],
  ['as a header with a quoted value', 'Authorization: "Bearer a.b.c"'],
  ['broken into lines', 'a.\n  b.\r\nc\n'],
  ['broken into lines after Bearer', 'Bearer\na.b.\nc'],
])('parseToken returns the token of a text that has it %s', (_, input) => {
  expect(parseToken(input)).toBe('a.b.c');
});

test.each(['', ' \r\n', '""', 'Bearer', 'Bearer \n', 'Authorization:', '"Authorization: Bearer"'])(
  'parseToken returns an empty text for %j',
  (input) => {
    expect(parseToken(input)).toBe('');
  },
);

test('parseToken keeps a token that begins with the letters of a prefix', () => {
  expect(parseToken('bearer.b.c')).toBe('bearer.b.c');
});

/** Creates an input that is a terminal. `modes` lists the changes of its raw mode. */
function createTerminal() {
  const modes: boolean[] = [];
  const stream = new PassThrough();
  const terminal = Object.assign(stream, {
    isTTY: true,
    setRawMode: (isRaw: boolean) => {
      modes.push(isRaw);
      return terminal as never;
    },
  });
  return { terminal, modes };
}

test('readToken says what it waits for at a terminal, and hides the token until Ctrl-D', async () => {
  const { terminal, modes } = createTerminal();
  let prompts = 0;
  const token = readToken(terminal, () => (prompts += 1));
  terminal.write('Bearer a.b.');
  terminal.write('\rc\r\u0004ignored');
  expect(await token).toBe('a.b.c');
  expect(prompts).toBe(1);
  expect(modes).toEqual([true, false]);
});

test('readToken rejects after Ctrl-C, and shows the input of the terminal again', async () => {
  const { terminal, modes } = createTerminal();
  terminal.write('a.b\u0003');
  await expect(readToken(terminal, () => undefined)).rejects.toThrow(InputCancelled);
  expect(modes).toEqual([true, false]);
});

test('readToken reads an input that is no terminal to its end, without a prompt', async () => {
  const input = Object.assign(new PassThrough(), { isTTY: false, setRawMode: () => expect.unreachable() });
  input.end('Bearer a.b.c\n');
  expect(await readToken(input, () => expect.unreachable())).toBe('a.b.c');
});
