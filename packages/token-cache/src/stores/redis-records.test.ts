import { expect, test } from 'vitest';
import { createRedisRecords, type RedisScripting } from './redis-records.ts';

const noClose = async () => undefined;

function recordsOver(run: RedisScripting['eval']) {
  return createRedisRecords({ connect: async () => ({ eval: run }), replace: () => undefined, close: noClose });
}

/** Returns the error that a read rejects with if the client rejects with `thrown`. */
async function failureOf(thrown: unknown): Promise<unknown> {
  const records = recordsOver(() => Promise.reject(thrown));
  return records.read('id').then(
    () => undefined,
    (error: unknown) => error,
  );
}

test.each([
  ['READONLY You cannot write against a read only replica.', 'READONLY'],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'OOM'],
  ['NOPERM', 'NOPERM'],
  ['A'.repeat(40), 'A'.repeat(40)],
])('gives the error reply %j of Redis the code %s, without the rest of its text', async (message, code) => {
  const error = await failureOf(new Error(message));
  expect(error).toMatchObject({ name: 'RedisFailure', code, message: `Redis failed with ${code}.` });
  expect(error).toBeInstanceOf(Error);
});

test.each([
  ['an error with a code', Object.assign(new Error('READONLY x'), { code: 'ECONNREFUSED' })],
  ['an error whose message is a sentence', new Error('The client is closed, redis://:canary@host')],
  ['an error whose first word is not a code', new Error('CANARY-token')],
  ['an error whose first word is too short', new Error('A')],
  ['an error whose first word is too long', new Error('A'.repeat(41))],
  ['an error whose message begins with a space', new Error(' READONLY')],
  ['a thrown text', 'WRONGPASS canary'],
  ['undefined', undefined],
])('rejects with %s unchanged', async (_, thrown) => {
  expect(await failureOf(thrown)).toBe(thrown);
});

test('gives the error reply of Redis to a wrong password its code', async () => {
  const connect = () => Promise.reject(new Error('WRONGPASS invalid username-password pair or user is disabled.'));
  const records = createRedisRecords({ connect, replace: () => undefined, close: noClose });
  await expect(records.add('id', 'value', 1)).rejects.toMatchObject({ code: 'WRONGPASS' });
});

test.each([
  ['READONLY', 1],
  ['MASTERDOWN', 1],
  ['LOADING', 1],
  ['CLUSTERDOWN', 1],
  ['MOVED', 1],
  ['ASK', 1],
  ['OOM', 0],
  ['NOPERM', 0],
])('after the error reply %s, the records replace their client %i times', async (code, count) => {
  const replaced: unknown[] = [];
  const client = { eval: () => Promise.reject(new Error(`${code} text`)) };
  const records = createRedisRecords({
    connect: async () => client,
    replace: (used) => void replaced.push(used),
    close: noClose,
  });
  await expect(records.remove('id', 'value')).rejects.toMatchObject({ code });
  expect(replaced).toEqual(Array.from({ length: count }, () => client));
});

test.each([
  ['no record', [5000], { nowMs: 5000, value: undefined }],
  ['a record that expires', [5000, 'value', 100], { nowMs: 5000, value: 'value', expiresAtMs: 5100 }],
  ['a record that expires now', [5000, 'value', 0], { nowMs: 5000, value: 'value', expiresAtMs: 5000 }],
  ['a record that never expires', [5000, 'value', -1], { nowMs: 5000, value: 'value' }],
])('reads %s', async (_, reply, reading) => {
  expect(await recordsOver(async () => reply).read('id')).toEqual(reading);
});

test('rounds an expiry down and a lifetime up to whole milliseconds', async () => {
  const sent: string[][] = [];
  const records = recordsOver(async (_, { arguments: values }) => void sent.push(values));
  await records.write('id', 'value', 5000.9);
  await records.add('id', 'value', 0.5);
  await records.replace('id', 'value', 'next', 0.5);
  expect(sent).toEqual([
    ['value', '5000'],
    ['value', '1'],
    ['value', 'next', '1'],
  ]);
});
