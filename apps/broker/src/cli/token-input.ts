import { text } from 'node:stream/consumers';
import type { ReadStream } from 'node:tty';

/** Standard input, or what a test uses instead. */
export type TokenInput = Pick<ReadStream, 'isTTY' | 'setRawMode' | 'iterator'> & NodeJS.ReadableStream;

/** Thrown when Ctrl-C ends the input. */
export class InputCancelled extends Error {}

/**
 * Reads a token from standard input. At a terminal, it calls `onTerminal` and then reads until Ctrl-D without showing the
 * token. Returns an empty text if the input has no token.
 */
export async function readToken(input: TokenInput, onTerminal: () => void): Promise<string> {
  return parseToken(await (input.isTTY ? readHidden(input, onTerminal) : text(input)));
}

/**
 * Reads what a person types or pastes, until Ctrl-D or Ctrl-Z. In raw mode, a terminal neither shows the input nor cuts a line
 * after 4096 bytes, and it sends each of these keys as a character.
 */
async function readHidden(terminal: TokenInput, onReady: () => void): Promise<string> {
  let typed = '';
  terminal.setRawMode(true);
  try {
    onReady();
    for await (const chunk of terminal.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      typed += chunk.toString();
      // oxlint-disable-next-line no-control-regex
      const [, before, end] = /^([^\u0003\u0004\u001a]*)([\u0003\u0004\u001a])/.exec(typed) ?? [];
      if (end === '\u0003') throw new InputCancelled();
      if (before !== undefined) return before;
    }
    return typed;
  } finally {
    terminal.setRawMode(false);
    terminal.pause();
  }
}

/** Returns the token in a text such as `"Authorization: Bearer <token>"`, without the line breaks that a terminal adds. */
export function parseToken(input: string): string {
  return input
    .replace(/[\s"'`]+$/, '')
    .replace(/^[\s"'`]*(?:authorization\s*:[\s"'`]*)?(?:bearer(?:\s[\s"'`]*|$))?/i, '')
    .replaceAll(/\s*[\r\n]\s*/g, '');
}
