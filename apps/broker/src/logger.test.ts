import { expect, test } from 'vitest';
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

test('what a reader would take for the end of a line is escaped', () => {
  const disk = createDisk(10_000);
  createLogger('info', createLogDestination(disk.write)).info('a\u2028b\u0085c');
  expect(disk.content()).toContain('a\\u2028b\\u0085c');
});
