import type { ProxyRequest, ValetKeyError } from '@valetkey/core-types';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileProxiedCalls, maxCheckedBytes } from './proxied-calls.ts';
import { proxyRecipeSchema } from './proxy-schema.ts';
import { hasUniqueNames } from './unique-names.ts';

const { calls } = proxyRecipeSchema.shape.proxy.parse({
  carriers: [{ header: 'x-key' }],
  inject: { 'x-key': '{secrets.apiKey}' },
  calls: [
    {
      method: 'POST',
      paths: ['/v1/generate', '/v1/models/{options.models}:generate'],
      query: { model: { in: '{options.models}', optional: true } },
      freeQuery: ['language'],
      body: {
        '/model': { in: '{options.models}' },
        '/config/max': { max: '{options.most}', optional: true },
        '/config/a~1b': { never: true },
        '/text': { maxLength: 5, optional: true },
        '/tools': { each: { only: ['type', 'name'], fields: { '/type': { in: ['function'] } } }, optional: true },
      },
    },
    { method: 'POST', paths: ['/v1/upload'] },
  ],
});
const vendor = { id: 'acme', title: 'Acme' };
const open = (options: object = { models: ['small', 'a.b'], most: 10 }) =>
  compileProxiedCalls(calls, { ...options }, vendor);

const json = { 'content-type': 'application/json' };
const post = (body: string, more: Partial<ProxyRequest> = {}): ProxyRequest => ({
  method: 'POST',
  path: '/v1/generate',
  query: '',
  headers: json,
  body: Buffer.from(body),
  ...more,
});

async function outcome(body: unknown, more: Partial<ProxyRequest> = {}, options?: object): Promise<string> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return open(options)
    .check(post(text, more))
    .then(
      () => 'passed',
      ({ code, reason }: ValetKeyError) => (reason === undefined ? code : `${code} ${reason}`),
    );
}

test.each([
  [{ model: 'small' }, 'passed'],
  [{ model: 'small', config: null, tools: null }, 'passed'],
  [{ model: null }, 'forbidden body:/model'],
  [{ model: 'small ' }, 'forbidden body:/model'],
  [{ model: 'SMALL' }, 'forbidden body:/model'],
  [{ MODEL: 'small' }, 'forbidden body:/model'],
  [{ mo_del: 'large', model: 'small' }, 'forbidden body:/model'],
  [{ ｍodel: 'large', model: 'small' }, 'forbidden body:/model'],
  [{ model: 'small', config: { max: 10 } }, 'passed'],
  [{ model: 'small', config: { max: 11 } }, 'forbidden body:/config/max'],
  [{ model: 'small', config: { max: -1 } }, 'forbidden body:/config/max'],
  [{ model: 'small', config: { max: 1.5 } }, 'forbidden body:/config/max'],
  [{ model: 'small', config: { max: '1' } }, 'forbidden body:/config/max'],
  [{ model: 'small', config: { max: [1] } }, 'forbidden body:/config/max'],
  [{ model: 'small', config: [{ max: 99 }] }, 'forbidden body:/config/max'],
  [{ model: 'small', config: 'max=99' }, 'forbidden body:/config/max'],
  [{ model: 'small', Config: { max: 99 } }, 'forbidden body:/config/max'],
  [{ model: 'small', config: { 'a/b': 1 } }, 'forbidden body:/config/a~1b'],
  [{ model: 'small', text: 'short' }, 'passed'],
  [{ model: 'small', text: 'longer' }, 'forbidden body:/text'],
  [{ model: 'small', text: 7 }, 'forbidden body:/text'],
  [{ model: 'small', tools: [{ type: 'function', name: 'a' }] }, 'passed'],
  [{ model: 'small', tools: [{ type: 'search' }] }, 'forbidden body:/tools'],
  [{ model: 'small', tools: [{ type: 'function', url: 'x' }] }, 'forbidden body:/tools'],
  [{ model: 'small', tools: [{}] }, 'forbidden body:/tools'],
  [{ model: 'small', tools: ['search'] }, 'forbidden body:/tools'],
  [{ model: 'small', tools: { type: 'search' } }, 'forbidden body:/tools'],
  ['{"model":"small","__proto__":{"model":"large"}}', 'passed'],
  ['{"__proto__":{"model":"small"}}', 'forbidden body:/model'],
  ['{"model":"large","model":"small"}', 'invalid_request'],
  ['{"model":"small","config":{"max":99,"max":1}}', 'invalid_request'],
  ['{"model":"small","x":[{"a":1,"\\u0061":2}]}', 'invalid_request'],
  ['{"model":"small"}{"model":"large"}', 'invalid_request'],
  ["{'model':'small'}", 'invalid_request'],
  ['"small"', 'invalid_request'],
  ['null', 'invalid_request'],
  ['', 'invalid_request'],
])('the body %j is %s', async (body, expected) => {
  expect(await outcome(body)).toBe(expected);
});

test('without the option of a bound, the bound has no effect, and without values nothing is allowed', async () => {
  const body = { model: 'small', config: { max: 1e9 } };
  expect(await outcome(body, {}, { models: ['small'] })).toBe('passed');
  expect(await outcome(body, {}, {})).toBe('forbidden body:/model');
  expect(open({}).allow.map(({ path }) => path)).toEqual(['/v1/generate', '/v1/upload']);
});

test.each([
  ['', ''],
  ['?model=small', '?model=small'],
  ['?language=a%20b&language=c+d', '?language=a%20b&language=c%20d'],
  ['?l%61nguage=%26model%3Dlarge', '?language=%26model%3Dlarge'],
  ['?model=large', 'forbidden query:model'],
  ['?model=small&model=large', 'forbidden query:model'],
  ['?model=', 'forbidden query:model'],
  ['?other=1', 'forbidden query'],
  ['?Model=large', 'forbidden query'],
  ['?model=small;other=1', 'forbidden query'],
  ['?&&', ''],
])('the query %j is forwarded as %j', async (query, expected) => {
  const result = await open()
    .check(post('{"model":"small"}', { query }))
    .then(
      (checked) => checked.query,
      ({ code, reason }: ValetKeyError) => `${code} ${reason}`,
    );
  expect(result).toBe(expected);
});

test.each([
  '/v1/models/large:generate',
  '/v1/models/small:delete',
  '/v1/models/a%2Eb%3Agenerate/x',
  '/v1/models/aXb:generate',
  '/v2/generate',
])('the path %s is refused', async (path) => {
  expect(await outcome({ model: 'small' }, { path })).toBe('forbidden allow');
});

test('a streamed body is read up to its bound, and one without rules passes as it is', async () => {
  const chunks = async function* (count: number) {
    for (let index = 0; index < count; index += 1) yield Buffer.alloc(65_536, ' ');
    yield Buffer.from('{"model":"small"}');
  };
  expect(await outcome('', { body: chunks(15) })).toBe('passed');
  expect(await outcome('', { body: chunks(16) })).toBe('payload_too_large');
  const headers = { ...json, 'content-length': String(maxCheckedBytes + 1) };
  expect(await outcome('', { body: chunks(1), headers })).toBe('payload_too_large');
  const body = chunks(99);
  const checked = await open().check(post('', { path: '/v1/upload', body, headers: {} }));
  expect(checked.body).toBe(body);
});

test('a body that breaks off is a refusal of the request', async () => {
  const body = {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('ECONNRESET')) }),
  };
  expect(await outcome('', { body })).toBe('invalid_request body_broke_off');
});

test('names are unique in every JSON that is written from an object, and not if one of them is repeated', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(hasUniqueNames(text)).toBe(true);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.jsonValue(), fc.jsonValue(), (name, one, other) => {
      const key = JSON.stringify(name);
      const escaped = `"${[...name].map((unit) => (unit.length === 1 ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}` : unit)).join('')}"`;
      expect(hasUniqueNames(`{${key}:${JSON.stringify(one)},${escaped}:${JSON.stringify(other)}}`)).toBe(false);
      expect(hasUniqueNames(`[{"a":{${escaped}:[${JSON.stringify(one)}],"b":1,${key}:2}}]`)).toBe(false);
    }),
  );
});

test('no hostile body reaches the vendor with a model that is not listed', async () => {
  const hostile = fc.oneof(
    fc.constantFrom('large', 'small', 'small\u0000', '../large', '__proto__', 'Small'),
    fc.string(),
  );
  const names = fc.constantFrom('model', 'Model', 'MODEL', 'mod_el', '__proto__', 'constructor', 'config', 'x');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(names, fc.oneof(hostile, fc.jsonValue()))), async (fields) => {
      const text = `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
      if ((await outcome(text)) !== 'passed') return;
      const folded = fields.filter(([name]) => name.toLowerCase().replace('_', '') === 'model');
      expect(folded).toHaveLength(1);
      expect(['small', 'a.b']).toContain(folded[0]?.[1]);
    }),
  );
});
