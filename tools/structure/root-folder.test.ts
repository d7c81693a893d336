import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { createTree } from '../testing/tree.ts';
import { checkRootFolder } from './root-folder.ts';

test('reports an unlisted file in the root folder, unless git ignores it', () => {
  const root = createTree({ 'README.md': '', 'notes.txt': '', 'secret.env': '', '.gitignore': '*.env' });
  spawnSync('git', ['init', '--quiet'], { cwd: root });
  expect(checkRootFolder(root)).toEqual([{ place: 'notes.txt', problem: 'does not belong in the root folder' }]);
});
