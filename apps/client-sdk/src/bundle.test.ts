import { readFile } from 'node:fs/promises';
import { createContext, runInContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { createValetClient, nymblFetch } from './index.ts';
import { bundleEntry } from './testing/bundle.ts';

const bundle = bundleEntry('index.ts');

test('the bundle imports nothing', () => {
  const code = bundle.module;

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
  const sdk = runInContext(`${bundle.script}; sdk`, context) as {
    createValetClient: typeof createValetClient;
    nymblFetch: typeof nymblFetch;
  };

  const valet = sdk.createValetClient({ brokerUrl: 'https://broker.example', getAppToken: () => 'app-token' });
  const response = await sdk.nymblFetch(valet)('/Patients');

  expect(await response.json()).toEqual({ value: [] });
  expect(urls).toEqual(['https://broker.example/v1/vendors/nymbl/proxy/Patients']);
});
