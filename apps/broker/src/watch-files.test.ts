import { expect, test } from 'vitest';
import { createVirtualSchedule } from '../test/support/virtual-schedule.ts';
import { createFileWatch, pollMs } from './watch-files.ts';

function createScene() {
  const { schedule, advance, pending } = createVirtualSchedule();
  const files = new Map([
    ['/config.yaml', 'one'],
    ['/secret', 'one'],
  ]);
  let changes = 0;
  const described: string[] = [];
  const watch = createFileWatch({
    schedule,
    describeFile: async (path) => {
      described.push(path);
      return files.get(path) ?? 'ENOENT';
    },
    onChange: async () => {
      changes += 1;
    },
  });
  watch.watch(new Map(files));
  return { files, watch, advance, pending, described, changes: () => changes };
}

test('a file watch reports nothing while the files stay the same', async () => {
  const { advance, changes, described } = createScene();
  await advance(10 * pollMs);
  expect(changes()).toBe(0);
  expect(described).toHaveLength(20);
});

test('a file watch reports one change after two files were replaced, once both have stayed the same for one poll', async () => {
  const { files, advance, changes } = createScene();
  files.set('/config.yaml', 'two');
  files.set('/secret', 'two');
  await advance(pollMs);
  expect(changes()).toBe(0);
  await advance(pollMs);
  expect(changes()).toBe(1);
  await advance(10 * pollMs);
  expect(changes()).toBe(1);
});

test('a file watch waits while a file is being written', async () => {
  const { files, advance, changes } = createScene();
  for (const part of ['two', 'three', 'four']) {
    files.set('/config.yaml', part);
    await advance(pollMs);
    expect(changes()).toBe(0);
  }
  await advance(pollMs);
  expect(changes()).toBe(1);
});

test('a file watch reports a file that disappears and a file that appears', async () => {
  const { files, watch, advance, changes } = createScene();
  files.delete('/secret');
  await advance(2 * pollMs);
  expect(changes()).toBe(1);
  watch.watch(new Map([['/secret', 'ENOENT']]));
  files.set('/secret', 'back');
  await advance(2 * pollMs);
  expect(changes()).toBe(2);
});

test('a file watch reports a change that happened after the file was read and before it was watched', async () => {
  const { files, watch, advance, changes } = createScene();
  const factsWhenRead = new Map(files);
  files.set('/secret', 'two');
  watch.watch(factsWhenRead);
  await advance(2 * pollMs);
  expect(changes()).toBe(1);
});

test('a file watch looks at no file while it watches none, and after it is closed', async () => {
  const { files, watch, advance, changes, described, pending } = createScene();
  watch.watch(new Map());
  files.set('/secret', 'two');
  await advance(10 * pollMs);
  expect(described).toEqual([]);
  watch.watch(new Map(files));
  watch.close();
  files.set('/secret', 'three');
  await advance(10 * pollMs);
  watch.watch(new Map([['/secret', 'one']]));
  await advance(10 * pollMs);
  expect({ described, changes: changes(), pending: pending() }).toEqual({ described: [], changes: 0, pending: 0 });
});

test('a file watch drops what it saw of earlier files if others are watched meanwhile', async () => {
  const { schedule, advance } = createVirtualSchedule();
  let changes = 0;
  const watch = createFileWatch({
    schedule,
    describeFile: async (path) => {
      if (path === '/first') watch.watch(new Map([['/second', 'same']]));
      return 'same';
    },
    onChange: async () => {
      changes += 1;
    },
  });
  watch.watch(new Map([['/first', 'other']]));
  await advance(5 * pollMs);
  expect(changes).toBe(0);
});
