// Builds the example, starts its server, and uses it in two tabs of a browser.
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { root } from '../workspace.ts';
import { openStage, waitForText, type Stage } from './browser.ts';

const folder = join(root, 'examples/next');
const next = join(folder, 'node_modules/next/dist/bin/next');
let stage: Stage;
let server: ChildProcess;
let origin: string;

before(async () => {
  stage = await openStage();
  const env = {
    ...process.env,
    NEXT_TELEMETRY_DISABLED: '1',
    NEXT_PUBLIC_BROKER_URL: stage.brokerUrl,
    NEXT_PUBLIC_ISSUER: `${stage.sandboxUrl}/idp`,
    BROKER_URL: stage.brokerUrl,
  };
  execFileSync(process.execPath, [next, 'build'], { cwd: folder, env });
  server = spawn(process.execPath, [next, 'start', '--hostname', '127.0.0.1', '--port', '0'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  origin = await readOrigin(server);
});
after(async () => {
  if (server.kill()) await once(server, 'exit');
  await stage.close();
});

/** Resolves with the address that the server prints when it is ready. */
async function readOrigin({ stdout }: ChildProcess): Promise<string> {
  assert.ok(stdout !== null);
  let address: string | undefined;
  for await (const line of createInterface(stdout)) {
    address ??= /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (address !== undefined && line.includes('Ready')) break;
  }
  // What the server prints later is not read, and must not fill the pipe.
  stdout.resume();
  return address ?? assert.fail('The server ended before it was ready.');
}

test('a user signs in, sees what the server and the browser got, and is signed out in both tabs at once', async () => {
  const tabs = await stage.openBrowser();
  const first = await tabs.open(origin);
  await first.getByRole('button', { name: 'Sign in' }).click();
  await showsEverything(first);

  const second = await tabs.open(origin);
  await showsEverything(second);

  await first.getByRole('button', { name: 'Sign out' }).click();
  await second.getByRole('button', { name: 'Sign in' }).waitFor();
  assert.deepEqual(tabs.problems, []);
  await tabs.close();
});

test('the server responds with 401 to a request without a token, and to a token that the broker refuses', async () => {
  const codes = [];
  for (const headers of [{}, { authorization: 'Bearer a.b.c' }]) {
    const response = await fetch(`${origin}/api/patients`, { headers });
    codes.push([response.status, await response.json()]);
  }
  assert.deepEqual(codes, [
    [401, { code: 'signed_out' }],
    [401, { code: 'invalid_token' }],
  ]);
});

test('the server renders the page without a user, and the browser signs the user in', async () => {
  const html = await (await fetch(origin)).text();
  assert.match(html, /Loading …/);
  assert.doesNotMatch(html, /Signed in/);
});

async function showsEverything(page: Page) {
  await waitForText(page, 'Signed in as alice.');
  await waitForText(page, /^Nudge: a token for \d+ seconds$/);
  await waitForText(page, /^Patients: \w+ \w+, /);
}
