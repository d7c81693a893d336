import { expect, test, vi } from 'vitest';
import { createLogDestination, createLogger } from './logger.ts';

/** A disk that takes so many bytes, and more once it is told. */
function createDisk(room: number) {
  let content = '';
  return {
    content: () => content,
    grow: (bytes: number) => {
      room += bytes;
    },
    write: (bytes: Buffer) => {
      if (room === 0) throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
      const taken = bytes.subarray(0, room);
      room -= taken.length;
      content += taken.toString();
      return taken.length;
    },
  };
}

test('lines that cannot be written are lost, counted and told of, and nothing fails', () => {
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
  // One line was torn where the room ended.
  expect(lines.length - whole.length).toBe(1);
  const written = whole.filter(({ msg }) => msg === 'line').length;
  expect(whole.slice(written)).toMatchObject([
    { msg: 'log lines could not be written', lost: 10 - written },
    { msg: 'again' },
  ]);
});

test('a reader who is behind is waited for, and gets every line in order', async () => {
  let content = '';
  let room = 100;
  const logger = createLogger(
    'info',
    createLogDestination((bytes) => {
      if (room === 0) throw Object.assign(new Error('behind'), { code: 'EAGAIN' });
      const taken = bytes.subarray(0, room);
      room -= taken.length;
      content += taken.toString();
      return taken.length;
    }),
  );
  for (let count = 0; count < 50; count += 1) logger.info({ count }, 'line');
  expect(content).toHaveLength(100);
  room = 1_000;
  await expect.poll(() => content.length).toBe(1_100);
  room = 100_000;
  await expect.poll(() => content.endsWith('\n') && content.trimEnd().split('\n').length).toBe(50);
  const counts = content
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { count: number }).count);
  expect(counts).toEqual(Array.from({ length: 50 }, (_, index) => index));
});

test('a reader who reads no more costs so much memory and time, and no more', () => {
  vi.useFakeTimers();
  let isStuck = true;
  let content = '';
  const destination = createLogDestination((bytes) => {
    if (isStuck) throw Object.assign(new Error('behind'), { code: 'EAGAIN' });
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
  vi.useRealTimers();
});

test('what a reader would take for the end of a line is escaped', () => {
  const disk = createDisk(10_000);
  createLogger('info', createLogDestination(disk.write)).info('a\u2028b\u0085c');
  expect(disk.content()).toContain('a\\u2028b\\u0085c');
});
