import { afterEach, expect, test, vi } from 'vitest';
import { createLogDestination, createLogger } from './logger.ts';

/** Creates a disk with room for this many bytes. */
function createDisk(room: number) {
  let content = '';
  return {
    content: () => content,
    grow: (bytes: number) => {
      room += bytes;
    },
    write: (bytes: Buffer) => {
      if (room === 0) throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
      const written = bytes.subarray(0, room);
      room -= written.length;
      content += written.toString();
      return written.length;
    },
  };
}

afterEach(() => {
  vi.useRealTimers();
});

test('the logger loses lines while the disk is full, and logs their number once the disk has room', () => {
  const disk = createDisk(150);
  const logger = createLogger('info', createLogDestination(disk.write));
  for (let count = 0; count < 10; count += 1) logger.info({ count }, 'line');
  expect(disk.content()).toHaveLength(150);
  disk.grow(10_000);
  logger.info('again');
  const lines = disk.content().trimEnd().split('\n');
  const whole = lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as { msg: string; lost?: number }];
    } catch {
      return [];
    }
  });
  // The line during which the disk became full is incomplete.
  expect(lines.length - whole.length).toBe(1);
  const writtenLines = whole.filter(({ msg }) => msg === 'line').length;
  expect(whole.slice(writtenLines)).toMatchObject([
    { msg: 'log lines could not be written', lost: 10 - writtenLines },
    { msg: 'again' },
  ]);
});

test('the logger writes every line in order to a slow reader', () => {
  vi.useFakeTimers();
  let content = '';
  let room = 100;
  const logger = createLogger(
    'info',
    createLogDestination((bytes) => {
      if (room === 0) throw Object.assign(new Error('slow reader'), { code: 'EAGAIN' });
      const written = bytes.subarray(0, room);
      room -= written.length;
      content += written.toString();
      return written.length;
    }),
  );
  for (let count = 0; count < 50; count += 1) logger.info({ count }, 'line');
  expect(content).toHaveLength(100);
  room = 1_000;
  vi.advanceTimersByTime(10);
  expect(content).toHaveLength(1_100);
  room = 100_000;
  vi.advanceTimersByTime(10);
  expect(content.endsWith('\n')).toBe(true);
  const counts = content
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { count: number }).count);
  expect(counts).toEqual(Array.from({ length: 50 }, (_, index) => index));
});

test('the logger stops retrying within six seconds if the reader does not read, and then logs the number of lost lines', () => {
  vi.useFakeTimers();
  let isStuck = true;
  let content = '';
  const destination = createLogDestination((bytes) => {
    if (isStuck) throw Object.assign(new Error('slow reader'), { code: 'EAGAIN' });
    content += bytes.toString();
    return bytes.length;
  });
  const line = `${JSON.stringify({ text: 'x'.repeat(1_000) })}\n`;
  for (let count = 0; count < 10_000; count += 1) destination.write(line);
  vi.advanceTimersByTime(6_000);
  expect(vi.getTimerCount()).toBe(0);
  isStuck = false;
  destination.write(line);
  const [note = ''] = content.split('\n');
  expect(JSON.parse(note)).toMatchObject({ lost: 10_000 });
});

test('the logger escapes control characters and line separators that JSON does not escape', () => {
  const disk = createDisk(10_000);
  createLogger('info', createLogDestination(disk.write)).info('a\u2028b\u0085c');
  expect(disk.content()).toContain('a\\u2028b\\u0085c');
});
