import { parseDocument } from 'yaml';
import { ConfigError } from './config-error.ts';

// A parser's own message would quote the text, which may be a secret.

/** Parses YAML. Throws a {@link ConfigError} with the number of the wrong line and the parser's code. */
export function parseYaml(path: string, text: string): unknown {
  // With this level, the parser prints nothing to the console.
  const document = parseDocument(text, { logLevel: 'error' });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem === undefined) return document.toJS();
  const line = problem.linePos?.[0].line ?? 1;
  const advice = hasReferenceAt(text, line) ? "; put each reference in quotes: '${env:NAME}'" : '';
  throw new ConfigError([`${path}: is not plain YAML at line ${line} (${problem.code})${advice}`]);
}

function hasReferenceAt(text: string, line: number): boolean {
  return text.split('\n')[line - 1]?.includes('${') === true;
}

/** Parses JSON. Throws a {@link ConfigError} with the number of the wrong line. */
export function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    const line = findWrongLine(text);
    const advice = hasReferenceAt(text, line) ? '; put each reference in quotes: "${env:NAME}"' : '';
    throw new ConfigError([`${path}: is not JSON at line ${line}${advice}`]);
  }
}

/** Returns the first line with which the text can no longer become JSON, or the last line if the text only ends too early. */
function findWrongLine(text: string): number {
  const lines = text.trimEnd().split('\n');
  const wrong = lines.findIndex((_, index) => !couldContinue(lines.slice(0, index + 1).join('\n')));
  return wrong === -1 ? lines.length : wrong + 1;
}

/** Returns whether a text is the beginning of JSON. Neither a text nor a number continues on the next line. */
function couldContinue(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return true;
  } catch (error) {
    const { message } = error as SyntaxError;
    const position = /at position (\d+)/.exec(message)?.[1];
    const isAtEnd = position !== undefined && Number(position) >= beginning.trimEnd().length;
    return message.startsWith('Unexpected end') || (isAtEnd && !message.startsWith('Unterminated'));
  }
}
