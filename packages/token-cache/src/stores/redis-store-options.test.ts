import { Secret } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseRedisStoreOptions, redisStoreConfigSchema } from './redis-store-options.ts';

const secret = new Secret('sandbox-only-sealing-key-of-32-characters');
const sealingKeys = [{ id: 'test', secret }];
const url = 'redis://user:password@127.0.0.1:6379/1';

test('parseRedisStoreOptions accepts a url as text, a url as a Secret, or a client', () => {
  const defaults = { sealingKeys, prefix: 'valetkey', timeoutMs: 250 };
  expect(parseRedisStoreOptions({ url, sealingKeys })).toEqual({ ...defaults, source: { url } });
  expect(parseRedisStoreOptions({ url: new Secret(url), sealingKeys })).toEqual({ ...defaults, source: { url } });
  const client = { eval: async () => 0 };
  const parsed = parseRedisStoreOptions({ client, sealingKeys, prefix: 'app', timeoutMs: 5 });
  expect(parsed).toEqual({ sealingKeys, prefix: 'app', timeoutMs: 5, source: { client } });
  expect(parsed.source).toHaveProperty('client', client);
});

test.each([
  ['neither a url nor a client', {}, 'needs a `url` or a `client`'],
  ['both a url and a client', { url, client: { eval: async () => 0 } }, 'needs a `url` or a `client`, not both'],
  ['a url of another protocol', { url: 'http://127.0.0.1' }, 'url: must be a redis: or rediss: URL'],
  ['a Secret url of another protocol', { url: new Secret('http://127.0.0.1') }, 'must be a redis: or rediss: URL'],
  ['a protocol that ends in redis:', { url: 'xredis://127.0.0.1' }, 'url: must be a redis: or rediss: URL'],
  ['a protocol that begins with rediss', { url: 'redisss://127.0.0.1' }, 'url: must be a redis: or rediss: URL'],
  ['text that is not a url', { url: 'here' }, 'url: must be a redis: or rediss: URL'],
  ['a url with the name of a database', { url: 'redis://127.0.0.1/abc' }, 'url: must have nothing but the number'],
  ['a url with two path segments', { url: 'redis://127.0.0.1/1/2' }, 'url: must have nothing but the number'],
  ['a url with a query', { url: 'redis://127.0.0.1:6379?db=3' }, 'url: must have nothing but the number'],
  ['a url with a fragment', { url: 'redis://127.0.0.1:6379/#3' }, 'url: must have nothing but the number'],
  ['an empty url', { url: '' }, 'url: must be a redis: or rediss: URL'],
  ['a url with a % in its password', { url: 'redis://u:50%@127.0.0.1' }, 'url: must have %25 for each % of the user'],
  ['a url with a % in its user', { url: 'redis://u%:p@127.0.0.1' }, 'url: must have %25 for each % of the user'],
  ['a url that is a number', { url: 5 }, 'url: '],
  ['a client without eval', { client: {} }, 'client: must be a node-redis client'],
  ['a client that is null', { client: null }, 'client: must be a node-redis client'],
  ['a missing sealing key', { url, sealingKeys: undefined }, 'sealingKeys: is missing'],
  ['a sealing key whose secret is text', { url, sealingKeys: [{ id: 'a', secret: 'x'.repeat(32) }] }, 'be a Secret'],
  ['an unknown option', { url, host: 'x' }, 'host: is not a known field'],
])('parseRedisStoreOptions refuses %s', (_, options, named) => {
  const parse = () => parseRedisStoreOptions({ sealingKeys, ...options } as never);
  expect(parse).toThrow(TypeError);
  expect(parse).toThrow('The options of the Redis store are invalid: ');
  expect(parse).toThrow(named);
});

test.each([
  'redis://h',
  'rediss://h/',
  'redis://h:6380/15',
  'rediss://127.0.0.1:6379/12',
  'redis://u:100%25@h/0',
  'redis://:a%40b@h',
])('parseRedisStoreOptions accepts the url %s', (accepted) => {
  expect(parseRedisStoreOptions({ url: accepted, sealingKeys }).source).toEqual({ url: accepted });
});

test('the error about an invalid url does not contain its password', () => {
  const parse = () => parseRedisStoreOptions({ url: 'https://user:canary@host', sealingKeys });
  expect(parse).toThrow('must be a redis: or rediss: URL');
  expect(parse).not.toThrow('canary');
});

const config = { url, sealingKeys: [{ id: 'test', secret: secret.reveal() }] };

test('redisStoreConfigSchema wraps secrets in Secret, and parseRedisStoreOptions accepts its result', () => {
  const parsed = redisStoreConfigSchema.parse({ ...config, sealingKeys: [...config.sealingKeys] });
  expect(parsed).toEqual({ url: expect.any(Secret), sealingKeys, prefix: 'valetkey', timeoutMs: 250 });
  expect(parsed.sealingKeys[0]?.secret.reveal()).toBe(secret.reveal());
  expect(JSON.stringify(parsed)).not.toMatch(/password|sandbox-only/);
  expect(parseRedisStoreOptions(parsed).source).toEqual({ url });
});

test.each([
  ['no url', { url: undefined }, ['url']],
  ['a url of another protocol', { url: 'http://127.0.0.1' }, ['url']],
  ['a url whose database is no number', { url: 'redis://127.0.0.1/one' }, ['url']],
  ['a url with a % in its password', { url: 'redis://u:50%@127.0.0.1' }, ['url']],
  ['no sealing keys', { sealingKeys: [] }, ['sealingKeys']],
  ['two sealing keys with one id', { sealingKeys: [...config.sealingKeys, ...config.sealingKeys] }, ['sealingKeys']],
  ['a short secret', { sealingKeys: [{ id: 'a', secret: 'x'.repeat(31) }] }, ['sealingKeys', 0, 'secret']],
  ['a prefix with braces', { prefix: 'a{b}' }, ['prefix']],
  ['a timeoutMs of more than a minute', { timeoutMs: 60_001 }, ['timeoutMs']],
  ['a client', { client: { eval: async () => 0 } }, []],
])('redisStoreConfigSchema refuses %s', (_, change, path) => {
  const { error } = redisStoreConfigSchema.safeParse({ ...config, ...change });
  expect(error?.issues.map((issue) => issue.path)).toEqual([path]);
});

test('every field of redisStoreConfigSchema has a description that is a sentence', () => {
  const description = expect.stringMatching(/^[A-Z].*\.$/s);
  const described = { description };
  const schema = z.toJSONSchema(redisStoreConfigSchema, { io: 'input' });
  expect(schema.properties).toMatchObject({
    url: described,
    sealingKeys: { description, items: { properties: { id: described, secret: described } } },
    prefix: described,
    timeoutMs: described,
  });
  expect(Object.keys(schema.properties ?? {})).toHaveLength(4);
  expect(schema.required).toEqual(['url', 'sealingKeys']);
});
