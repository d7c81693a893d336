import { execFile } from 'node:child_process';
import { startDev, type Dev } from '@valetkey/broker';
import { afterAll, beforeAll, expect, test } from 'vitest';

const demo = new URL('demo.ts', import.meta.url).pathname;

let dev: Dev;
beforeAll(async () => {
  dev = await startDev({ port: 0, adminPort: 0, sandboxPort: 0, dataFolder: ':memory:' });
});
afterAll(() => dev.close());

function runDemo(): Promise<{ exitCode: number; text: string }> {
  const places = ['--brokerUrl', dev.brokerUrl, '--sandboxUrl', dev.sandboxUrl];
  return new Promise((resolve) => {
    execFile(process.execPath, ['--conditions=@valetkey/source', demo, ...places], (error, text) =>
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, text }),
    );
  });
}

test('walks all five vendors, and prints no whole token', async () => {
  const { exitCode, text } = await runDemo();
  expect(exitCode).toBe(0);
  for (const vendor of ['Nabla', 'Nudge', 'Nymbl', 'Authgear', 'Vital']) {
    expect(text).toMatch(new RegExp(`${vendor} .* passed +[\\d.]+`));
  }
  expect(text).not.toMatch(/[\w-]{20,}\.[\w-]{20,}/);
});

test('exits with 1 where a step fails, and says which', async () => {
  const faults = [{ vendor: 'nabla', fault: { type: 'status', status: 500 } }];
  await fetch(`${dev.sandboxUrl}/_faults`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ faults }),
  });
  const { exitCode, text } = await runDemo();
  expect(exitCode).toBe(1);
  expect(text).toMatch(/Nabla .* FAILED/);
  expect(text).toMatch(/Vital .* passed/);
});
