import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { proveClients } from './prove-clients.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'valetkey-clients-'));
  const manifest = join(folder, 'node_modules', 'sample-sdk');
  mkdirSync(manifest, { recursive: true });
  writeFileSync(join(manifest, 'package.json'), JSON.stringify({ version: '1.2.3' }));
  mkdirSync(join(folder, 'clients'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a client SDK that sends its key in a header, and reads a stream. */
function writeSdk(name: string, header: string, model: string): URL {
  const file = join(folder, 'clients', `${name}.mjs`);
  writeFileSync(
    file,
    `export const sdk = {
      connection: 'openai-proxy',
      package: 'sample-sdk',
      create: (target) => target,
      calls: [{ title: 'a stream', async run({ baseUrl, token }, onFirstEvent) {
        const response = await fetch(baseUrl + '/v1/chat/completions', {
          method: 'POST',
          headers: { 'content-type': 'application/json', ${header} },
          body: JSON.stringify({ model: '${model}', max_completion_tokens: 9, messages: [], stream: true }),
        });
        if (!response.ok) throw new Error(response.status + ' ' + (await response.text()));
        let text = '';
        for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
          onFirstEvent();
          text += chunk;
        }
        return text.includes('[DONE]') ? 'Hello world' : text;
      } }],
    };`,
  );
  return pathToFileURL(file);
}

const right = 'authorization: `Bearer ${token}`';

async function run(program: URL, write = false) {
  const lines: string[] = [];
  const print = (line: string) => void lines.push(line);
  const code = await proveClients({ programs: [program], file: join(folder, 'requests.json'), write, print });
  return [code, lines.join('\n')] as const;
}

test('writes what a client SDK sends, finds no difference then, and finds a changed request', async () => {
  const [, printed] = await run(writeSdk('right', right, 'sample-model'), true);
  expect(printed).toBe('client SDKs: 1 through the broker, 1 calls, written');
  expect((await run(writeSdk('right', right, 'sample-model')))[0]).toBe(0);
  const [code, difference] = await run(writeSdk('changed', right, 'sample-voice'));
  expect(code).toBe(1);
  expect(difference).toContain('differs from what they send');
});

test.each([
  ['sends its key in another header', '"x-api-key": token', 'sample-model', /401/],
  ['asks for a model that is not listed', right, 'other', /403/],
])('fails if a client SDK %s', async (_what, header, model, expected) => {
  await expect(run(writeSdk('wrong', header, model))).rejects.toThrow(expected);
});
