import type { FastifyInstance } from 'fastify';
import { expect, test } from 'vitest';
import { createLogger } from '../telemetry/logger.ts';
import { createChildLogger } from './request-rules.ts';

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** Creates the logger of a request, and counts the children that it creates. */
function createRequestLogger(level: string) {
  const lines: string[] = [];
  const logger = createLogger(level, { write: (line) => void lines.push(line) });
  const children: object[] = [];
  logger.onChild = (child) => void children.push(child);
  const create = createChildLogger(logger);
  const request = create.call({} as FastifyInstance, logger, { requestId: 'request-1' }, {}, {} as never);
  return { lines, children, request };
}

test('the logger of a request creates one child, at its first line, and writes the id of the request in each line', () => {
  const { lines, children, request } = createRequestLogger('trace');
  expect(children).toHaveLength(0);
  for (const level of levels) request[level]({ code: level }, 'refused');
  expect(children).toHaveLength(1);
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual(
    levels.map((code) => expect.objectContaining({ requestId: 'request-1', code, msg: 'refused' }) as object),
  );
});

test('the logger of a request has the level of the logger of the broker, and so have its children', () => {
  const { lines, request } = createRequestLogger('warn');
  expect(request.level).toBe('warn');
  request.info('not written');
  request.silent('not written');
  request.child({ part: 'proxy' }).warn('written');
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    expect.objectContaining({ requestId: 'request-1', part: 'proxy', msg: 'written' }),
  ]);
});
