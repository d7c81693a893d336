import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { describeAdminApi } from './admin-api-description.ts';
import { createConfigFor, startRecordingBroker } from '../../test/support/recording-broker.ts';

const description = describeAdminApi();
const operations = Object.entries(description.paths).flatMap(([path, item]) =>
  Object.keys(item).map((method) => ({ path, method: method.toUpperCase() })),
);

test('the API description for operators is valid OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(description));
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
});

test('the API description for operators has exactly the operations that docs/http.md lists', () => {
  const page = readFileSync(new URL('../../../../docs/http.md', import.meta.url), 'utf8');
  const [, section = ''] = page.split('## Routes for operators');
  const [table = ''] = section.split('\n## ');
  const documented = [...table.matchAll(/^\| `([A-Z]+) (\/v1\/[a-z-]+)/gm)].map(
    ([, method, path]) => `${method} ${path}`,
  );
  expect(new Set(documented)).toEqual(new Set(operations.map(({ method, path }) => `${method} ${path}`)));
});

test('the listener for operators serves each operation of its API description, and the description to everybody', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  for (const { path, method } of operations) {
    const { status } = await broker.callAdmin(path, { method });
    // A change without a body is refused; a list needs no parameter.
    expect([method, path, status]).toEqual([method, path, method === 'GET' ? 200 : 400]);
  }
  const served = await fetch(`${broker.adminUrl}/openapi.json`);
  expect(served.status).toBe(200);
  expect(await served.json()).toEqual(description);
});
