import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { build } from 'tsup';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { createValetClient, nymblFetch } from './index.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-client-'));
  await build({
    entry: [new URL('./index.ts', import.meta.url).pathname],
    format: ['esm', 'iife'],
    globalName: 'sdk',
    platform: 'neutral',
    target: 'es2022',
    outDir: folder,
    config: false,
    silent: true,
    tsconfig: new URL('../tsconfig.json', import.meta.url).pathname,
    outExtension: ({ format }) => ({ js: format === 'esm' ? '.mjs' : '.global.js' }),
  });
});

afterAll(() => rm(folder, { recursive: true }));

test('the bundle imports nothing', async () => {
  const code = await readFile(join(folder, 'index.mjs'), 'utf8');

  expect(code).toContain('createValetClient');
  expect(code).not.toMatch(/\bimport\b(?!\.meta\.)|\brequire\b|\bfrom\s*["']|node:/);
});

test('the published package has one dependency, for the sign-in, and React only if the app has it', async () => {
  const manifest = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));

  expect(manifest).toMatchObject({ name: '@valetkey/client-sdk' });
  expect(Object.keys(manifest.dependencies)).toEqual(['oauth4webapi']);
  expect(manifest.peerDependencies).toEqual({ react: '>=18' });
  expect(manifest.peerDependenciesMeta).toEqual({ react: { optional: true } });
});

test('nymblFetch of the bundle runs on a platform that has only the globals that React Native has', async () => {
  const code = await readFile(join(folder, 'index.global.js'), 'utf8');
  // This platform lacks URL, process, Buffer, structuredClone and crypto. Its AbortSignal lacks `any` and `timeout`.
  class PlainAbortController {
    readonly #controller = new AbortController();
    readonly signal = {
      aborted: false,
      addEventListener: (_: string, listener: () => void) =>
        this.#controller.signal.addEventListener('abort', listener),
      removeEventListener: (_: string, listener: () => void) =>
        this.#controller.signal.removeEventListener('abort', listener),
    };
    abort() {
      this.signal.aborted = true;
      this.#controller.abort();
    }
  }
  const urls: string[] = [];
  const platform = {
    AbortController: PlainAbortController,
    Headers,
    setTimeout,
    clearTimeout,
    fetch: async (url: string) => {
      urls.push(url);
      return new Response('{"value":[]}', { headers: { 'valet-key': 'vendor' } });
    },
  };
  const context = createContext({ ...platform });
  const sdk = runInContext(`${code}; sdk`, context) as {
    createValetClient: typeof createValetClient;
    nymblFetch: typeof nymblFetch;
  };

  const valet = sdk.createValetClient({ brokerUrl: 'https://broker.example', getAppToken: () => 'app-token' });
  const response = await sdk.nymblFetch(valet)('/Patients');

  expect(await response.json()).toEqual({ value: [] });
  expect(urls).toEqual(['https://broker.example/v1/vendors/nymbl/proxy/Patients']);
});
