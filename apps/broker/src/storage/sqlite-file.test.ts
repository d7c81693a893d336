import { execFile } from 'node:child_process';
import * as fileSystem from 'node:fs';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStore } from './open-store.ts';
import { makePrivateFile, type FileSystem } from './sqlite-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'valetkey-canary-'));
  path = join(folder, 'data', 'valetkey.sqlite');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Returns a file system of which one function fails, as for a file of another user. */
function refuse(name: keyof FileSystem, code: string): FileSystem {
  const fail = () => {
    throw Object.assign(new Error(`${code}: ${path}`), { code });
  };
  return { ...fileSystem, [name]: fail };
}

function prepare(files?: FileSystem): string[] {
  const warnings: string[] = [];
  makePrivateFile(path, { files, warn: (problem) => warnings.push(problem) });
  return warnings;
}

test('makePrivateFile creates a file that only its owner may read, and corrects the mode of an existing file', () => {
  expect(prepare()).toEqual([]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  chmodSync(path, 0o666);
  expect(prepare()).toEqual([]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('makePrivateFile warns about a file whose mode cannot be set, and does not fail', () => {
  prepare();
  chmodSync(path, 0o666);
  expect(prepare(refuse('chmodSync', 'EPERM'))).toEqual([
    expect.stringContaining('The mode of the SQLite file cannot be set to 0600 (EPERM)'),
  ]);
});

test('makePrivateFile does not set the mode of a file that has the right mode already', () => {
  prepare();
  expect(prepare(refuse('chmodSync', 'EPERM'))).toEqual([]);
});

test.each([
  ['mkdirSync', 'EACCES', 'its folder cannot be created (EACCES)'],
  ['openSync', 'EACCES', 'the file cannot be opened for writing (EACCES)'],
  ['openSync', 'EROFS', 'the file cannot be opened for writing (EROFS)'],
  ['statSync', 'EIO', 'the file cannot be examined (EIO)'],
] as const)('makePrivateFile names the step when %s fails with %s, without the path', (name, code, message) => {
  const attempt = () => prepare(refuse(name, code));
  expect(attempt).toThrow(message);
  expect(attempt).not.toThrow('canary');
});

test.each([
  [
    'a file that is no database',
    () => writeFileSync(path, 'something else'.repeat(100)),
    'SQLite cannot read the file and its write-ahead log (file is not a database)',
  ],
  [
    'a log that is a folder',
    () => fileSystem.mkdirSync(`${path}-wal`),
    'SQLite cannot read the file and its write-ahead log (disk I/O error)',
  ],
])('openStore names the step that fails with %s', (_, damage, message) => {
  prepare();
  damage();
  expect(() => openStore({ sqlite: path })).toThrow(
    expect.objectContaining({ problems: [`store.sqlite: cannot be opened: ${message}`] }),
  );
});

/** Opens the store in a process of the user `nobody`, and returns what it printed. */
async function openAsNobody(): Promise<string> {
  const module = new URL('open-store.ts', import.meta.url).href;
  const program = `
    const { openStore } = await import(${JSON.stringify(module)});
    try {
      const store = openStore({ sqlite: ${JSON.stringify(path)} }, console.log);
      await store.check();
      console.log('can be written');
    } catch (error) {
      console.log(error.message);
    }`;
  const node = ['--conditions=@valetkey/source', '--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, node, { uid: 65_534, gid: 65_534, cwd: '/' });
  return stdout;
}

// Only root can run a process of another user. The tests above cover the same failures for every user.
describe.skipIf(process.getuid?.() !== 0)('a SQLite file that belongs to another user', () => {
  beforeEach(() => {
    prepare();
    chmodSync(folder, 0o755);
    chmodSync(path, 0o666);
  });

  test('the store warns about the mode of a file that it may write but does not own, and works', async () => {
    chmodSync(dirname(path), 0o777);
    const output = await openAsNobody();
    expect(output).toContain('The mode of the SQLite file cannot be set to 0600 (EPERM)');
    expect(output).toContain('can be written');
  });

  test('the store names the write-ahead log if it may write the file but not its folder', async () => {
    chmodSync(dirname(path), 0o755);
    expect(await openAsNobody()).toMatch(
      /store\.sqlite: cannot be opened: its write-ahead log cannot be created \(.+\)/,
    );
  });

  test('the store names the file that it may not write', async () => {
    chmodSync(path, 0o644);
    expect(await openAsNobody()).toContain(
      'store.sqlite: cannot be opened: the file cannot be opened for writing (EACCES)',
    );
  });

  test('the store names the folder that it may not create', async () => {
    rmSync(dirname(path), { recursive: true });
    expect(await openAsNobody()).toContain('store.sqlite: cannot be opened: its folder cannot be created (EACCES)');
  });
});
