import { expect, test } from 'vitest';
import { createValetClient } from './client.ts';
import type { ValetClientOptions } from './options.ts';

const valid: ValetClientOptions = { brokerUrl: 'https://broker.example', getAppToken: () => null };

test.each([
  'https://broker.example',
  'https://broker.example/',
  'https://broker.example:8443/valet',
  'HTTPS://Broker.Example',
  'https://[2001:db8::1]:8787',
  'http://localhost:8787',
  'http://127.0.0.1:8787',
  'http://[::1]:8787',
])('createValetClient accepts the brokerUrl %s', (brokerUrl) => {
  expect(() => createValetClient({ ...valid, brokerUrl })).not.toThrow();
});

test.each([
  '',
  'broker.example',
  '/valet',
  'http://broker.example',
  'http://127.0.0.1.evil.example',
  'http://localhost.evil.example',
  'https://user:secret@broker.example',
  'https://broker.example?token=secret',
  'https://broker.example#secret',
  'https://broker.example/..',
  'https://broker.example/a/../b',
  'https://broker.example//x',
  'https://broker.example\\x',
  'https://broker.example/a b',
  ' https://broker.example',
  'https://broker.example\n',
  'ftp://broker.example',
  42,
  undefined,
])('createValetClient throws a TypeError for the brokerUrl %j, without its text', (brokerUrl) => {
  const create = () => createValetClient({ ...valid, brokerUrl: brokerUrl as string });
  expect(create).toThrow(TypeError);
  expect(create).toThrow(/`brokerUrl`/);
  expect(create).not.toThrow(/secret/);
});

test.each([
  ['getAppToken', undefined],
  ['getAppToken', 'a-token'],
  ['fetch', 'fetch'],
  ['clock', {}],
  ['clock', null],
  ['timeoutMs', 0],
  ['timeoutMs', -1],
  ['timeoutMs', Number.NaN],
  ['timeoutMs', Number.POSITIVE_INFINITY],
  ['timeoutMs', 2 ** 31],
  ['timeoutMs', '1000'],
  ['onEvent', true],
  ['brokerURL', 'https://broker.example'],
])('createValetClient throws a TypeError that names the option %s if its value is %s', (name, value) => {
  const create = () => createValetClient({ ...valid, [name]: value } as ValetClientOptions);
  expect(create).toThrow(TypeError);
  expect(create).toThrow(`\`${name}\``);
});

test('createValetClient throws a TypeError without options', () => {
  expect(() => createValetClient(undefined as unknown as ValetClientOptions)).toThrow(TypeError);
});
