import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { maxColumns } from './demo/print.ts';
import { root } from './workspace.ts';

interface Line {
  /** `README.md:12` */
  readonly place: string;
  readonly language: string;
  readonly text: string;
}

const listFiles = () => execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' }).trim().split('\n');

/** Returns the lines of all code blocks of a page. */
function readCodeLines(file: string): Line[] {
  const lines: Line[] = [];
  let language: string | undefined;
  for (const [index, text] of readFileSync(join(root, file), 'utf8').split('\n').entries()) {
    const fence = /^ *```(.*)$/.exec(text);
    if (fence !== null) language = language === undefined ? fence[1] : undefined;
    else if (language !== undefined) lines.push({ place: `${file}:${index + 1}`, language, text });
  }
  return lines;
}

const codeLines = listFiles()
  .filter((file) => !/__fixtures__|CHANGELOG|^\.changeset/.test(file))
  .flatMap(readCodeLines);
const commands = codeLines.filter(({ language }) => language === 'sh');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

describe('the pages', () => {
  test('the commands, configurations and outputs of the pages fit a terminal of 80 columns', () => {
    const shown = codeLines.filter(({ language }) => ['sh', 'yaml', ''].includes(language));
    // The path of a program cannot be broken.
    const long = shown.filter(({ text }) => [...text].length > maxColumns && !text.startsWith('node node_modules/'));
    expect(long).toEqual([]);
  });

  test('every command of pnpm in the pages is a script of this repository or a command of pnpm', () => {
    const known = new Set([...Object.keys(manifest.scripts), 'install', 'exec', '--filter']);
    const used = commands.flatMap(({ place, text }) => {
      const name = /npx -y pnpm@[\d.]+ (\S+)/.exec(text)?.[1];
      return name === undefined ? [] : [{ place, name }];
    });
    expect(used.length).toBeGreaterThan(10);
    expect(used.filter(({ name }) => !known.has(name))).toEqual([]);
  });

  test('the commands of the README run in every shell, and need no program but Node, npx, npm and curl', () => {
    const first = commands.filter(({ place, text }) => /^(examples\/sandbox\/)?README\.md:/.test(place) && text !== '');
    expect(first.length).toBeGreaterThan(5);
    // A backslash continues a line only in POSIX shells, and Windows PowerShell reads no single quotes of curl's JSON.
    expect(first.filter(({ text }) => !/^(node|npx|npm|curl) /.test(text) || /[|'$]|\\$/.test(text))).toEqual([]);
  });

  test('curl prints a newline after a response that a command of the README shows', () => {
    const shown = commands.filter(({ place, text }) => /README\.md:/.test(place) && /\/token -H/.test(text));
    expect(shown.length).toBeGreaterThan(1);
    for (const { text } of shown) expect(text).toContain('-w "\\n"');
  });
});
