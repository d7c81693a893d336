import { expect, test } from 'vitest';
import { createDisposalStack, keepOrOpen } from './disposal-stack.ts';

test('a disposal stack closes in reverse order, each resource once', async () => {
  const closed: string[] = [];
  const stack = createDisposalStack();
  const close = (name: string) => closed.push(name);
  expect(stack.use('store', close)).toBe('store');
  stack.use('vendor', close);
  await Promise.all([stack.close(), stack.close()]);
  expect(closed).toEqual(['vendor', 'store']);
});

test('a disposal stack waits until a resource is closed before it closes an earlier one', async () => {
  const closed: string[] = [];
  const stack = createDisposalStack();
  stack.use('store', (name) => closed.push(name));
  const { promise, resolve } = Promise.withResolvers<void>();
  stack.use('vendor', async (name) => {
    await promise;
    closed.push(name);
  });
  const closing = stack.close();
  expect(closed).toEqual([]);
  resolve();
  await closing;
  expect(closed).toEqual(['vendor', 'store']);
});

test('a disposal stack closes the other resources if one fails to close, and rejects with the first failure', async () => {
  const closed: string[] = [];
  const stack = createDisposalStack();
  stack.use('store', (name) => closed.push(name));
  stack.use('cache', () => Promise.reject(new Error('second')));
  stack.use('vendor', () => {
    throw new Error('first');
  });
  await expect(stack.close()).rejects.toThrow('first');
  expect(closed).toEqual(['store']);
});

test('keepOrOpen keeps a resource that was opened with the same, and closes it with the last stack that holds it', async () => {
  const closed: string[] = [];
  const [one, two] = [createDisposalStack(), createDisposalStack()];
  const open = (name: string) => () => name;
  const close = (name: string) => closed.push(name);
  const first = keepOrOpen(undefined, { url: 'a' }, open('first'), close);
  expect(first.hold(one)).toBe('first');
  const kept = keepOrOpen(first, { url: 'a' }, open('second'), close);
  expect(kept.hold(two)).toBe('first');
  const other = keepOrOpen(first, { url: 'b' }, open('third'), close);
  expect(other.hold(two)).toBe('third');
  await one.close();
  expect(closed).toEqual([]);
  await two.close();
  expect(closed).toEqual(['third', 'first']);
});
