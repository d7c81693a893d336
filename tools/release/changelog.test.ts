import { expect, test } from 'vitest';
import { listChangelogProblems } from './changelog-problems.ts';
import { getDependencyReleaseLine, getReleaseLine } from './changelog.ts';

test('a change is one line without its commit, however an editor broke it', () => {
  expect(getReleaseLine({ summary: 'The first half\nand the second.\n\nAnother paragraph.' })).toBe(
    '- The first half and the second.\n\n  Another paragraph.',
  );
});

test('all packages that a version needs share one line', () => {
  const dependencies = ['token-cache', 'core-types', 'jwt-verify'].map((name) => ({ name, newVersion: '1.2.3' }));
  expect(getDependencyReleaseLine([], dependencies)).toBe(
    '- Uses `core-types` 1.2.3, `jwt-verify` 1.2.3, and `token-cache` 1.2.3.',
  );
  expect(getDependencyReleaseLine([], [])).toBe('');
});

test('a changelog of complete sentences has no problem', () => {
  const text = '# @valetkey/broker\n\n## 0.1.0\n\n### Minor Changes\n\n- Add a thing.\n\n  It helps.\n';
  expect(listChangelogProblems(text)).toEqual([]);
});

test.each([
  ['- 1a2b3c4: Add a thing.', 'begins with a commit'],
  ['- Add a thing', 'is no complete sentence'],
  ['Add a thing.', 'is neither a heading nor a change'],
  ['- Add a thing.\n- Add a thing.', 'is written twice'],
  [`- ${'long '.repeat(200)}.`, 'has 1003 characters'],
])('the line %j of a changelog is reported', (line, problem) => {
  expect(listChangelogProblems(line).join()).toContain(problem);
});
