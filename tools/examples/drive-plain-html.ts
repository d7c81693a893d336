// Opens the page as it is, in two tabs of a browser.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { root } from '../workspace.ts';
import { openStage, waitForText, type Stage } from './browser.ts';
import { serveFolder, type FolderServer } from './serve-folder.ts';

let stage: Stage;
let server: FolderServer;

before(async () => {
  stage = await openStage();
  const addresses = { 'http://127.0.0.1:8787': stage.brokerUrl, 'http://127.0.0.1:8790': stage.sandboxUrl };
  server = await serveFolder(join(root, 'examples/plain-html'), addresses);
});
after(async () => {
  server.close();
  await stage.close();
});

test('a user signs in, lists patients, and is signed out in both tabs at once', async () => {
  const tabs = await stage.openBrowser();
  const first = await tabs.open(server.origin);
  await first.getByRole('button', { name: 'Sign in' }).click();
  await waitForText(first, 'Signed in as alice.');
  await first.getByRole('button', { name: 'List patients' }).click();
  await first.getByRole('listitem').first().waitFor();
  assert.equal(await first.getByRole('listitem').count(), 3);

  const second = await tabs.open(server.origin);
  await waitForText(second, 'Signed in as alice.');

  await second.getByRole('button', { name: 'Sign out' }).click();
  await waitForText(first, 'Signed out.');
  assert.equal(await first.getByRole('listitem').count(), 0);
  assert.deepEqual(tabs.problems, []);
  await tabs.close();
});

test('a callback that does not belong to a sign-in of this tab shows its failure', async () => {
  const tabs = await stage.openBrowser();
  const page = await tabs.open(`${server.origin}/?code=unknown&state=unknown`);
  await waitForText(page, 'Failed: callback_refused.');
  assert.deepEqual(tabs.problems, []);
  await tabs.close();
});
