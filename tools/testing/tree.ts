import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { readRepository, type Repository } from '../structure/repository.ts';

/** Creates a temporary folder with these files (path to text), and returns its path. The folder is removed after the test. */
export function createTree(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'valetkey-structure-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries({ 'packages/.keep': '', 'apps/.keep': '', ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** Creates a tree in which each package that has files also has a `package.json`, and reads it. */
export function createRepository(files: Readonly<Record<string, string>>): Repository {
  const folders = new Set(Object.keys(files).map((path) => path.split('/', 2).join('/')));
  const manifests = [...folders]
    .filter((folder) => /^(packages|apps)\//.test(folder))
    .map((folder) => [`${folder}/package.json`, JSON.stringify({ name: `@valetkey/${folder.split('/')[1]}` })]);
  return readRepository(createTree({ ...Object.fromEntries(manifests), ...files }));
}
