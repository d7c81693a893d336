import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { examine } from '../../src/cli/doctor.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { createConfigFor } from '../support/recording-broker.ts';

const example = new URL('../../../../examples/sandbox/', import.meta.url);

test('the configuration of examples/sandbox passes check and doctor, and the sandbox still accepts its own credentials', async () => {
  await using sandbox = await createSandbox();
  const { status } = await fetch(`${sandbox.origin}/_state`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: await readFile(new URL('state.json', example)),
  });
  expect(status).toBe(204);

  const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  try {
    const text = await readFile(new URL('valetkey.yaml', example), 'utf8');
    const file = join(folder, 'valetkey.config.yaml');
    const moved = text.replaceAll('http://127.0.0.1:8790', sandbox.origin).replace(/sqlite: .*/, "sqlite: ':memory:'");
    await writeFile(file, moved);
    const findings = await examine(await loadConfig(file));
    expect(findings.filter(({ outcome }) => outcome !== 'passed')).toEqual([]);
    expect(findings.filter(({ part }) => part.startsWith('connection'))).toHaveLength(5);
  } finally {
    await rm(folder, { recursive: true });
  }

  const own = await examine(parseConfig(createConfigFor(sandbox)));
  expect(own.filter(({ outcome }) => outcome !== 'passed')).toEqual([]);
});
