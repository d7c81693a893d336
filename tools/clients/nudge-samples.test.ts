// Runs the samples of Nudge's documentation against the broker. The samples are unmodified: stubs of OkHttp and axios replace
// their placeholders.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPageFiles, writeFiles } from './page-code.ts';
import { isCompilerAvailable, javac, runProgram } from './programs.ts';
import { startSandboxBroker, type SandboxBroker } from './sandbox-broker.ts';

const fixtures = join(import.meta.dirname, '__fixtures__');
const samples = join(fixtures, 'nudge');
const jwt = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const hasJava = isCompilerAvailable(javac);

let folder: string;
let broker: SandboxBroker;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-nudge-'));
  broker = await startSandboxBroker();
  await writeFiles(
    join(folder, 'node_modules/axios'),
    new Map([
      ['package.json', '{"type":"module","exports":"./index.js"}'],
      ['index.js', await readFile(join(samples, 'axios.js.txt'), 'utf8')],
    ]),
  );
});
afterAll(async () => {
  await broker[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Runs a sample that is a module, then prints what its `refreshToken` returned. */
async function runJavaScript(name: string, sample: string, token = broker.token): Promise<string> {
  const code = `${sample}\nprocess.stdout.write(String(await refreshToken()));\n`;
  const [path = ''] = await writeFiles(folder, new Map([[name, code]]));
  const url = `${broker.brokerUrl}/v1/vendors/nudge/token`;
  return runProgram(process.execPath, [path], { your_backend_api_end_point: url, your_token: token });
}

test.skipIf(!hasJava)('Nudge’s own Java sample returns a token, and null for a refused token', async () => {
  const classes = join(folder, 'classes');
  const sources = ['TokenRefresher.java', 'NudgeMain.java'].map((name) => join(samples, name));
  await runProgram('javac', ['-d', classes, '-sourcepath', join(fixtures, 'java'), ...sources]);
  const run = (token: string) =>
    runProgram('java', [
      `-Dyour_backend_api_end_point=${broker.brokerUrl}/v1/vendors/nudge/token`,
      `-Dyour_token=${token}`,
      '-cp',
      classes,
      'NudgeMain',
    ]);
  expect(await run(broker.token)).toMatch(jwt);
  expect(await run(`${broker.token}x`)).toBe('null');
});

test('Nudge’s own JavaScript sample returns null although the broker issued a token, because it reads `statusCode`', async () => {
  const sample = await readFile(join(samples, 'refresh-token.ts.txt'), 'utf8');
  expect(sample).toContain('res.statusCode === 200');
  expect(await runJavaScript('sample.mts', sample)).toBe('null');
  expect(await runJavaScript('mended.mts', sample.replace('statusCode', 'status'))).toMatch(jwt);
});

test('the corrected JavaScript sample of the page returns a token, and null for a refused token', async () => {
  const corrected = readPageFiles('docs/vendors/nudge.md', 'ts').get('refresh-token.ts') ?? '';
  expect(await runJavaScript('corrected.mts', corrected)).toMatch(jwt);
  expect(await runJavaScript('refused.mts', corrected, 'refused')).toBe('null');
});
