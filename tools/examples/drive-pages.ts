// Uses the web pages of the README and of docs/clients/react.md as they are printed there: in a folder that knows nothing of this
// repository, with the packed client SDK, built by Vite, in two tabs of a browser.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { packClient, type PackedProject } from '../client-sdk/pack.ts';
import { readPageFiles, writeFiles } from '../clients/page-code.ts';
import { root } from '../workspace.ts';
import { openStage, waitForText, type Stage, type Tabs } from './browser.ts';
import { serveFolder } from './serve-folder.ts';

/** Has Vite and React. */
const modules = join(root, 'examples/vite-react/node_modules');
let stage: Stage;
let project: PackedProject;
let tabs: Tabs;

before(async () => {
  project = packClient();
  for (const name of ['react', 'react-dom']) {
    symlinkSync(join(modules, name), join(project.folder, 'node_modules', name));
  }
  stage = await openStage();
});
after(async () => {
  await stage.close();
  rmSync(project.folder, { recursive: true });
});

/** Builds a page as Vite's templates do, and serves it with the addresses of the stage. Resolves with its URL. */
async function servePage(files: ReadonlyMap<string, string>, main: string): Promise<string> {
  const { folder } = project;
  await writeFiles(folder, files);
  const body = `<div id="root"></div><script type="module" src="/${main}"></script>`;
  writeFileSync(join(folder, 'index.html'), `<!doctype html><link rel="icon" href="data:," />${body}`);
  writeFileSync(join(folder, 'tsconfig.json'), '{ "compilerOptions": { "jsx": "react-jsx" } }');
  execFileSync(process.execPath, [join(modules, 'vite/bin/vite.js'), 'build', '--logLevel', 'error'], { cwd: folder });
  const addresses = { 'http://127.0.0.1:8787': stage.brokerUrl, 'http://127.0.0.1:8790': stage.sandboxUrl };
  const server = await serveFolder(join(folder, 'dist'), addresses);
  after(() => server.close());
  return server.origin;
}

/** Signs in in one tab and out in the other one. Both must follow, and print no error. */
async function usePage(url: string, texts: readonly (string | RegExp)[]): Promise<void> {
  tabs = await stage.openBrowser();
  const [first, second] = [await tabs.open(url), await tabs.open(url)];
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
  const url = await servePage(readPageFiles('README.md', 'ts'), 'src/main.ts');
  await usePage(url, ['Signed in as alice', /Vital user: [\da-f-]{36}/, /Patients at Nymbl: \w+ \w+, \w+ \w+, /]);
});

test('the page of docs/clients/react.md signs in, holds a token of Nudge, and follows the other tab', async () => {
  const files = readPageFiles('docs/clients/react.md', 'tsx');
  const url = await servePage(new Map([...readPageFiles('README.md', 'ts'), ...files]), 'src/main.tsx');
  await usePage(url, ['Signed in as alice', /Nudge: a token for \d+ seconds/, 'Vital: signed_in']);
});
