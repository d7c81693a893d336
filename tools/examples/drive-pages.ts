// Uses the code of the READMEs and of docs/clients as it is printed there: in a project that knows nothing of this repository, with
// the packed client SDK, built by Vite, in the tabs of a browser.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { packClient, type PackedProject } from '../client-sdk/pack.ts';
import { readBlocks, readPageFiles, writeFiles } from '../clients/page-code.ts';
import { root } from '../workspace.ts';
import { openStage, waitForText, type Stage } from './browser.ts';
import { serveFolder, type FolderServer } from './serve-folder.ts';

/** Has Vite and React. */
const modules = join(root, 'examples/vite-react/node_modules');
let stage: Stage;
let project: PackedProject;
let server: FolderServer;

before(async () => {
  project = packClient();
  for (const name of ['react', 'react-dom']) {
    symlinkSync(join(modules, name), join(project.folder, 'node_modules', name));
  }
  stage = await openStage();
  const addresses = { 'http://127.0.0.1:8787': stage.brokerUrl, 'http://127.0.0.1:8790': stage.sandboxUrl };
  server = await serveFolder(join(project.folder, 'dist'), addresses);
});
after(async () => {
  server.close();
  await stage.close();
  rmSync(project.folder, { recursive: true });
});

const pageFiles = readPageFiles('README.md', 'ts');

/** Builds a page around the file `main`, as Vite's templates do, in place of the page before. */
async function build(main: string, files: ReadonlyMap<string, string>): Promise<void> {
  const { folder } = project;
  await writeFiles(folder, files);
  const body = `<div id="root"></div><script type="module" src="/${main}"></script>`;
  writeFileSync(join(folder, 'index.html'), `<!doctype html><link rel="icon" href="data:," />${body}`);
  writeFileSync(join(folder, 'tsconfig.json'), '{ "compilerOptions": { "jsx": "react-jsx" } }');
  execFileSync(process.execPath, [join(modules, 'vite/bin/vite.js'), 'build', '--logLevel', 'error'], { cwd: folder });
}

/** Builds the block of a page about a section, beside the files of the README's page. */
async function buildBlock(page: string, section: string): Promise<void> {
  const block = readBlocks(page, 'ts').find((found) => found.section === section);
  assert.ok(block !== undefined, `${page} has no block about ${section}.`);
  await build('src/block.ts', new Map([...pageFiles, ['src/block.ts', block.code]]));
}

/** Loads the page that was built last. Resolves with the first line that it prints and that has `text`. */
async function printedBy(page: Page, text: string): Promise<string> {
  const line = page.waitForEvent('console', (message) => message.text().includes(text));
  await page.goto(server.origin);
  return (await line).text();
}

/** Signs in in one tab and out in the other one. Both must follow, and print no error. */
async function useTwoTabs(texts: readonly (string | RegExp)[]): Promise<void> {
  const tabs = await stage.openBrowser();
  const [first, second] = [await tabs.open(server.origin), await tabs.open(server.origin)];
  await second.getByRole('button', { name: 'Sign in' }).waitFor();
  await first.getByRole('button', { name: 'Sign in' }).click();
  for (const page of [first, second]) {
    for (const text of texts) await waitForText(page, text);
  }
  await second.getByRole('button', { name: 'Sign out' }).click();
  for (const page of [first, second]) await page.getByRole('button', { name: 'Sign in' }).waitFor();
  assert.deepEqual(tabs.problems, []);
  await tabs.close();
}

test('the page of the README signs in at Vital, lists patients of Nymbl, and follows the other tab', async () => {
  await build('src/main.ts', pageFiles);
  await useTwoTabs(['Signed in as alice', /Vital user: [\da-f-]{36}/, /Patients at Nymbl: \w+ \w+, \w+ \w+, /]);
});

test('the page of docs/clients/react.md signs in, holds a token of Nudge, and follows the other tab', async () => {
  await build('src/main.tsx', new Map([...pageFiles, ...readPageFiles('docs/clients/react.md', 'tsx')]));
  await useTwoTabs(['Signed in as alice', /Nudge: a token for \d+ seconds/, 'Vital: signed_in']);
});

test('the first lines of docs/clients/login.md sign the user in, and print the claims', async () => {
  await buildBlock('docs/clients/login.md', 'Sign-in at Authgear or any OpenID provider');
  const tabs = await stage.openBrowser();
  const page = await tabs.open('about:blank');
  assert.match(await printedBy(page, 'alice'), /sub: alice/);
  assert.deepEqual(tabs.problems, []);
  await tabs.close();
});

test('the lines of docs/clients/sessions.md call Vital and Nabla for the user who signed in at the page of the README', async () => {
  await build('src/main.ts', pageFiles);
  const tabs = await stage.openBrowser();
  const page = await tabs.open(server.origin);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await waitForText(page, 'Vital user');

  await buildBlock('docs/clients/sessions.md', 'Vital');
  assert.match(await printedBy(page, 'user_id'), /user_id: [\da-f-]{36}/);
  await buildBlock('docs/clients/sessions.md', 'Nabla');
  assert.match(await printedBy(page, 'data'), /data: /);
  assert.deepEqual(tabs.problems, []);
  await tabs.close();
});
