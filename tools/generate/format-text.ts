import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../workspace.ts';

/** Returns a text as the formatter of the workspace writes it; the file name decides the language. */
export function formatText(file: string, text: string): string {
  return execFileSync(join(root, 'node_modules/.bin/oxfmt'), ['--stdin-filepath', file], {
    cwd: root,
    input: text,
    encoding: 'utf8',
  });
}
