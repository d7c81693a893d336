// Compiles the code of docs/clients, against stubs of the vendors' SDKs, and runs the code in Java and C# against a broker.
// Nudge's own Kotlin sample, unmodified, is compiled with the page.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readPageFiles, writeFiles } from './page-code.ts';
import { isCompilerAvailable, javac, kotlinc, mcs, runProgram } from './programs.ts';
import { startSandboxBroker, type SandboxBroker } from './sandbox-broker.ts';

const fixtures = join(import.meta.dirname, '__fixtures__');
const signInToken = /^[\w+/]{100,}=*$/;
const jwt = String.raw`[\w-]+\.[\w-]+\.[\w-]+`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-clients-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Returns what the code of a page printed, by the name of the call: `nudge=eyJ…`. */
const readPrinted = (output: string): ReadonlyMap<string, string> =>
  new Map(output.split('\n').map((line) => [line.split('=', 1)[0] ?? '', line.replace(/^.*?=/, '')]));

const listFiles = async (place: string, ending: string) => {
  const names = await readdir(join(fixtures, place), { recursive: true });
  return names.filter((name) => name.endsWith(ending)).map((name) => join(fixtures, place, name));
};

describe.skipIf(!isCompilerAvailable(javac))('the Java page', () => {
  let broker: SandboxBroker;
  let printed: ReadonlyMap<string, string>;
  beforeAll(async () => {
    broker = await startSandboxBroker();
    const sources = await writeFiles(join(folder, 'java'), readPageFiles('docs/clients/java.md', 'java'));
    const classes = join(folder, 'java-classes');
    const stubs = join(fixtures, 'java');
    await runProgram('javac', ['-Werror', '-d', classes, '-sourcepath', stubs, ...sources, join(stubs, 'Main.java')]);
    const properties = [`-Dbroker=${broker.brokerUrl}`, `-Dyour_token=${broker.token}`];
    const output = await runProgram('java', [...properties, '-cp', classes, 'Main']);
    printed = readPrinted(output);
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  test('gets a token of each vendor from the broker', () => {
    expect(printed.get('nudge')).toMatch(new RegExp(`^${jwt}$`));
    expect(printed.get('nabla')).toMatch(new RegExp(`^${jwt} ${jwt}$`));
    expect(printed.get('vital')).toMatch(signInToken);
  });

  test('calls Nymbl through the broker', () => {
    expect(JSON.parse(printed.get('nymbl') ?? '')).toHaveProperty('value');
    expect(printed.get('patients')).toBe(printed.get('nymbl'));
  });

  test('reports the errors of the broker by code, with the seconds to wait and the id of the request', () => {
    expect(printed.get('forbidden')).toMatch(/^forbidden 0 [\da-f-]{36}$/);
    expect(printed.get('unknown')).toMatch(/^unknown_vendor 0 [\da-f-]{36}$/);
    expect(printed.get('unavailable')).toMatch(/^vendor_unavailable [1-9]\d* [\da-f-]{36}$/);
    expect(printed.get('unavailable nudge')).toBe('null');
  });

  test('asks for a new app token once after the broker refused one', () => {
    expect(printed.get('forced')).toBe('36');
    expect(printed.get('refused')).toMatch(/^invalid_token 0 /);
  });

  test('delivers nothing to a call that began before the sign-out, or without a user', () => {
    expect(printed.get('signed out')).toBe('signed_out 0 null');
    expect(printed.get('no user')).toBe('signed_out 0 null');
  });

  test('takes neither the page of a captive portal for a response of the broker, nor a lost network for a sign-out', () => {
    expect(printed.get('portal')).toBe('unexpected_response 0 null');
    expect(printed.get('offline')).toBe('You are offline.');
  });
});

describe.skipIf(!isCompilerAvailable(kotlinc))('the Kotlin page', () => {
  test('compiles', { timeout: 120_000 }, async () => {
    const sources = await writeFiles(join(folder, 'kotlin'), readPageFiles('docs/clients/kotlin.md', 'kotlin'));
    const stubs = await listFiles('kotlin', '.kt');
    expect(sources.length).toBeGreaterThan(1);
    await runProgram('kotlinc', ['-nowarn', '-d', join(folder, 'kotlin-classes'), ...sources, ...stubs]);
  });
});

describe.skipIf(!isCompilerAvailable(mcs))('the C# page', () => {
  test(
    'gets tokens from the broker, calls Nymbl, reports errors by code and delivers nothing after the sign-out',
    { timeout: 120_000 },
    async () => {
      await using broker = await startSandboxBroker();
      const sources = await writeFiles(join(folder, 'csharp'), readPageFiles('docs/clients/csharp.md', 'csharp'));
      const stubs = await listFiles('csharp', '.cs');
      const program = join(folder, 'page.exe');
      await runProgram('mcs', ['-warnaserror', '-r:System.Net.Http', `-out:${program}`, ...sources, ...stubs]);
      const env = { BROKER_URL: broker.brokerUrl, APP_TOKEN: broker.token };
      const printed = readPrinted(await runProgram('mono', [program], env));
      expect(printed.get('nudge')).toMatch(new RegExp(`^${jwt}$`));
      expect(printed.get('nabla')).toMatch(new RegExp(`^${jwt}$`));
      expect(printed.get('vital')).toMatch(signInToken);
      expect(printed.get('forced')).toMatch(signInToken);
      expect(JSON.parse(printed.get('nymbl') ?? '')).toHaveProperty('value');
      expect(printed.get('forbidden')).toMatch(/^forbidden 0 [\da-f-]{36}$/);
      expect(printed.get('unavailable')).toMatch(/^vendor_unavailable [1-9]\d* [\da-f-]{36}$/);
      expect(printed.get('signed out')).toBe('signed_out 0 ');
    },
  );
});
