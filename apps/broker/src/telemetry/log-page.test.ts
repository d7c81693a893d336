import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const source = join(import.meta.dirname, '..');
const page = readFileSync(join(source, '../../../docs/observability.md'), 'utf8');

/** Returns the messages that the source logs while the broker serves. */
function listMessages(): string[] {
  const files = globSync('**/*.ts', { cwd: source }).filter((file) => !/\.test(-d)?\.ts$|^cli\//.test(file));
  const texts = files.map((file) => readFileSync(join(source, file), 'utf8'));
  // A call of the logger ends with its message: `logger.warn({ reason }, 'message')` or `logger.warn('message')`.
  const calls = texts.flatMap((text) => [
    ...text.matchAll(/\blog(?:ger)?(?:\.(?:debug|info|warn|error)|\[[^\]]+\])\((?:.*?, )?'([^']+)'\)/g),
  ]);
  const fields = texts.flatMap((text) => [...text.matchAll(/\bmsg: '([^']+)'/g)]);
  return [...new Set([...calls, ...fields].map(([, message = '']) => message))].toSorted();
}

test('the page on observability has a row for each message of the log, and no other row', () => {
  const [, section = ''] = page.split('## Log\n');
  const [table = ''] = section.split('### Request ids');
  const rows = [...table.matchAll(/^\| `([^`]+)` +\| `\w+`/gm)].map(([, message]) => message);
  expect(listMessages().length).toBeGreaterThan(15);
  expect(rows.toSorted()).toEqual(listMessages());
});
