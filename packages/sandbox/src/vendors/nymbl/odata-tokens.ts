import { QueryError } from './odata-types.ts';

interface Token {
  readonly kind: 'mark' | 'text' | 'word';
  readonly value: string;
}

/** Reads the tokens of a `$filter` in order. */
export interface TokenReader {
  /** Returns the value of the next token if it is of this kind. */
  readonly peek: (kind: Token['kind']) => string | undefined;
  /** Consumes the next token and returns its value. Throws a `QueryError` if it is of another kind. */
  readonly take: (kind: Token['kind']) => string;
  /** Consumes the next token if it is this one, and returns whether it was. */
  readonly takeIf: (kind: Token['kind'], value: string) => boolean;
  readonly isAtEnd: () => boolean;
}

const tokenPattern = /\s*(?:([(),])|'((?:[^']|'')*)'|([\w.+-]+))/y;

export function createTokenReader(filter: string): TokenReader {
  const tokens = splitIntoTokens(filter);
  let position = 0;

  function peek(kind: Token['kind']): string | undefined {
    const token = tokens[position];
    return token?.kind === kind ? token.value : undefined;
  }

  function take(kind: Token['kind']): string {
    const value = peek(kind) ?? refuseSyntax();
    position += 1;
    return value;
  }

  function takeIf(kind: Token['kind'], value: string): boolean {
    if (peek(kind) !== value) return false;
    position += 1;
    return true;
  }

  return { peek, take, takeIf, isAtEnd: () => position === tokens.length };
}

/** Throws the `QueryError` of a filter that cannot be parsed. */
export function refuseSyntax(): never {
  throw new QueryError('InvalidFilter', 'The $filter expression is not valid');
}

function splitIntoTokens(filter: string): readonly Token[] {
  const tokens: Token[] = [];
  const text = filter.trimEnd();
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < text.length) {
    const [, mark, quoted, word] = tokenPattern.exec(text) ?? refuseSyntax();
    if (mark !== undefined) tokens.push({ kind: 'mark', value: mark });
    else if (word !== undefined) tokens.push({ kind: 'word', value: word });
    else tokens.push({ kind: 'text', value: (quoted ?? '').replaceAll("''", "'") });
  }
  return tokens;
}
