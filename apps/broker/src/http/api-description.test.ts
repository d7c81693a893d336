import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createBroker } from '../create-broker.ts';
import { describeApi } from './api-description.ts';
import { createConfigFor, startRecordingBroker } from '../../test/support/recording-broker.ts';

const publicUrl = 'https://broker.example.com';
const description = describeApi(publicUrl);
const operations = Object.entries(description.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
);

test('the API description is valid OpenAPI 3.1, and each operation has its own `operationId`', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(description));
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
  const names = operations.map(({ operation }) => operation.operationId);
  expect(new Set(names).size).toBe(names.length);
});

test('the broker serves every route of the API description', async () => {
  await using sandbox = await createSandbox();
  const config = createConfigFor(sandbox);
  const issuers = config.issuers.map((issuer) => ({ ...issuer, backChannelLogout: { audiences: ['app'] } }));
  await using broker = await startRecordingBroker({ ...config, issuers, publicUrl });
  for (const { path, method } of operations) {
    const url = path.replace('{connection}', 'nudge').replace('{path}', 'x');
    const { status } = await broker.call(url, undefined, { method });
    expect([404, 405], `${method} ${path}`).not.toContain(status);
  }
});

test('the API description has exactly the routes for apps that docs/http.md lists', () => {
  const page = readFileSync(new URL('../../../../docs/http.md', import.meta.url), 'utf8');
  const [table = ''] = page.split('## Routes for operators');
  const documented = table
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...(line.split(' | ')[0] ?? '').matchAll(/`[^`]*?(\/[^`]*)`/g)].map(([, path = '']) => path))
    .map((path) => path.replace('/*', '/{path}'));
  expect(documented.toSorted()).toEqual(Object.keys(description.paths).toSorted());
});

test('the broker serves the API description as JSON and as a page', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  const served = (await (await broker.call('/openapi.json')).json()) as ReturnType<typeof describeApi>;
  expect(served).toEqual({ ...description, servers: [{ url: '/' }] });
  const page = await (await broker.call('/docs')).text();
  for (const { path, operation } of operations) {
    expect(page).toContain(path);
    expect(page).toContain(operation.summary);
  }
});

test('the broker says at `/` what it is and where its documentation is, to a caller without a token', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  const response = await broker.call('/');
  expect(response.status).toBe(200);
  const front = (await response.json()) as Record<string, string>;
  expect(front).toMatchObject({ name: 'Valet Key', docs: '/docs', openapi: '/openapi.json' });
  expect(front['description']).toBe(description.info.description);
  for (const path of [front['docs'], front['openapi']]) expect((await broker.call(path ?? '')).status).toBe(200);
});

test('the listener for operators says at `/` which routes it has', async () => {
  await using sandbox = await createSandbox();
  for (const [admin, hasAdminApi] of [
    [{ token: 'a-token-of-an-operator' }, true],
    [{}, false],
  ] as const) {
    const broker = createBroker({ ...createConfigFor(sandbox), admin });
    const response = await broker.admin.inject('/');
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({
      adminApi: hasAdminApi,
      routes: expect.arrayContaining(['/metrics']) as unknown,
    });
    expect(response.json<{ routes: string[] }>().routes.includes('/v1/vendor-users')).toBe(hasAdminApi);
    for (const route of response.json<{ routes: string[] }>().routes) {
      expect((await broker.admin.inject(route)).statusCode, route).not.toBe(404);
    }
    for (const listener of [broker.app, broker.admin]) {
      expect((await listener.inject('/favicon.ico')).statusCode).toBe(204);
    }
    await broker.close();
  }
});
