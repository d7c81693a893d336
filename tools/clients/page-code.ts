import { mkdir, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../workspace.ts';

/**
 * Returns the code blocks of a page in one language, by the file name in the first line of each block
 * (`// ValetKey.java`). A block without such a line is not returned.
 */
export function readPageFiles(page: string, language: string): ReadonlyMap<string, string> {
  const text = readFileSync(join(root, page), 'utf8');
  const blocks = text.matchAll(/^```(\S+)\n\/\/ (\S+\.\w+)\n([^]*?)^```$/gm);
  const files = [...blocks].filter(([, found]) => found === language);
  return new Map(files.map(([, , name = '', code = '']) => [name, code]));
}

/** A code block of a page. */
export interface Block {
  /** `README.md:12` */
  readonly place: string;
  /** The heading above it. */
  readonly section: string;
  readonly language: string;
  readonly code: string;
}

/** Returns the code blocks of a page in some languages. */
export function readBlocks(page: string, ...languages: readonly string[]): Block[] {
  const blocks: Block[] = [];
  let section = '';
  let open: { place: string; language: string; lines: string[] } | undefined;
  for (const [index, line] of readFileSync(join(root, page), 'utf8').split('\n').entries()) {
    const language = /^```(\w+)$/.exec(line)?.[1];
    if (open !== undefined && line === '```') {
      blocks.push({ ...open, section, code: open.lines.join('\n') });
      open = undefined;
    } else if (open !== undefined) open.lines.push(line);
    else if (language !== undefined) open = { place: `${page}:${index + 2}`, language, lines: [] };
    else if (line.startsWith('#')) section = line.replace(/^#+ /, '');
  }
  return blocks.filter(({ language }) => languages.includes(language));
}

/** Writes files into a folder, and returns their paths. */
export async function writeFiles(folder: string, files: ReadonlyMap<string, string>): Promise<string[]> {
  return Promise.all(
    [...files].map(async ([name, code]) => {
      const path = join(folder, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, code);
      return path;
    }),
  );
}
