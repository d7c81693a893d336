// Builds the example with Vite, and uses it in two tabs of a browser.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { root } from '../workspace.ts';
import { openStage, waitForText, type Stage } from './browser.ts';
import { serveFolder, type FolderServer } from './serve-folder.ts';

const folder = join(root, 'examples/vite-react');
let stage: Stage;
let server: FolderServer;

before(async () => {
  stage = await openStage();
  const env = { ...process.env, VITE_BROKER_URL: stage.brokerUrl, VITE_SANDBOX_URL: stage.sandboxUrl };
  execFileSync('npx', ['-y', 'pnpm@12.18.0', '-s', 'build'], { cwd: folder, env });
  server = await serveFolder(join(folder, 'dist'));
});
after(async () => {
  server.close();
  await stage.close();
});

test('a user signs in, sees all five vendors, and is signed out in both tabs at once', async () => {
  const tabs = await stage.openBrowser();
  const first = await tabs.open(server.origin);
  await first.getByRole('button', { name: 'Sign in' }).click();
  await showsEveryVendor(first);
  assert.equal(new URL(first.url()).pathname, '/');

  const second = await tabs.open(server.origin);
  await showsEveryVendor(second);

  await first.getByRole('button', { name: 'Sign out' }).click();
  await second.getByRole('button', { name: 'Sign in' }).waitFor();
  assert.deepEqual(tabs.problems, []);
  await tabs.close();
});

test('a refused sign-in shows the code of the failure', async () => {
  const tabs = await stage.openBrowser();
  const page = await tabs.open(`${server.origin}/callback?error=access_denied&state=unknown`);
  await waitForText(page, 'The sign-in failed: callback_refused.');
  assert.deepEqual(tabs.problems, []);
  await tabs.close();
});

async function showsEveryVendor(page: Page) {
  await waitForText(page, 'Signed in as alice.');
  await waitForText(page, /^a token for \d+ seconds$/);
  await waitForText(page, /^patients: \w+ \w+, /);
  await waitForText(page, /^user [\da-f-]{36}$/);
  await waitForText(page, 'patient alice');
}
