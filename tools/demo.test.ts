import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { startDev, type Dev } from '@valetkey/broker';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { maxColumns, wrap } from './demo/print.ts';

// The demo runs in a process of its own, which starts slowly on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const demo = fileURLToPath(new URL('demo.ts', import.meta.url));

let dev: Dev;
beforeAll(async () => {
  dev = await startDev({ port: 0, adminPort: 0, sandboxPort: 0, dataFolder: ':memory:' });
});
afterAll(() => dev.close());

function runDemo(
  flags = ['--broker-url', dev.brokerUrl, '--sandbox-url', dev.sandboxUrl],
): Promise<{ exitCode: number; text: string; problems: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--conditions=@valetkey/source', demo, ...flags], (error, text, problems) =>
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, text, problems }),
    );
  });
}

let whole: ReturnType<typeof runDemo> | undefined;
/** Runs the demo without a fault. It takes seconds, so that the tests share one run. */
const runWholeDemo = () => (whole ??= runDemo());

const findWideLines = (text: string) => text.split('\n').filter((line) => [...line].length > maxColumns);

test('the demo passes the steps of all five vendors, prints no whole token and fits 80 columns', async () => {
  const { exitCode, text } = await runWholeDemo();
  expect(exitCode).toBe(0);
  for (const vendor of ['Nabla', 'Nudge', 'Nymbl', 'Authgear', 'Vital']) {
    expect(text).toMatch(new RegExp(`${vendor} .* passed +[\\d.]+`));
  }
  expect(text).not.toMatch(/[\w-]{20,}\.[\w-]{20,}/);
  expect(findWideLines(text)).toEqual([]);
});

const kinds = ['JWT, HS256', 'JWT, RS256', 'JWT, ES256', 'HMAC', 'one call', 'a form', 'customer, then form'];

test('the demo mints for at least ten vendors of the catalog of different kinds, each in one line without a whole token', async () => {
  const { text } = await runWholeDemo();
  const line = /^✓ ([^(]+) \(([^)]+)\): [a-z_]+ .{6}… \(\d+ characters\)$/gmu;
  const lines = [...stripVTControlCharacters(text).matchAll(line)];
  expect(new Set(lines.map(([, vendor]) => vendor)).size).toBeGreaterThanOrEqual(10);
  expect(new Set(lines.map(([, , kind]) => kind))).toEqual(new Set(kinds));
});

test('the demo runs every step, reports the failed step and exits with 1 when a step fails', async () => {
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
  expect(findWideLines(text)).toEqual([]);
});

test('the demo names its flags in one line when a flag is unknown', async () => {
  const { exitCode, text, problems } = await runDemo(['--brokerUrl', dev.brokerUrl]);
  expect([exitCode, text]).toEqual([1, '']);
  expect(problems).toBe('demo: the flags are --broker-url <url> and --sandbox-url <url>\n');
});

test('the demo starts its own broker when none responds, and says so', async () => {
  const { exitCode, text } = await runDemo(['--broker-url', 'http://127.0.0.1:1']);
  expect(exitCode).toBe(0);
  expect(text).toContain('No broker responds at http://127.0.0.1:1, so the demo starts its own.');
});

test('wrap breaks a text at its spaces and keeps a long word whole', () => {
  const word = 'x'.repeat(30);
  expect(wrap(`${word} ${word} ${word}`, 4)).toBe(`    ${word} ${word}\n    ${word}`);
  expect(wrap('y'.repeat(90), 2)).toBe(`  ${'y'.repeat(90)}`);
});
