import { expect, test } from 'vitest';
import { describeRepository, listLinks, makeLinksAbsolute, readRepositoryUrl } from './published-files.ts';

const sources = { url: 'https://git.example.com/acme/valet-key', commit: 'a'.repeat(40) };
const isFolder = (path: string) => !path.includes('.');

test.each([
  ['[a](../../docs/policy.md)', `[a](${sources.url}/blob/${sources.commit}/docs/policy.md)`],
  ['[a](../../docs/policy.md#rules)', `[a](${sources.url}/blob/${sources.commit}/docs/policy.md#rules)`],
  ['[a](../../examples/next)', `[a](${sources.url}/tree/${sources.commit}/examples/next)`],
  ['[a](../../docs/vendors/)', `[a](${sources.url}/tree/${sources.commit}/docs/vendors)`],
  ['[a](#rules)', '[a](#rules)'],
  [
    '[a](https://example.com/b) and [c](d.md)',
    `[a](https://example.com/b) and [c](${sources.url}/blob/${sources.commit}/packages/one/d.md)`,
  ],
  ['`[a](b.md)`', '`[a](b.md)`'],
  ['```md\n[a](b.md)\n```', '```md\n[a](b.md)\n```'],
])('the link of %j leads to the released commit', (markdown, expected) => {
  expect(makeLinksAbsolute(markdown, 'packages/one', sources, isFolder)).toBe(expected);
});

test('the links of a page are found outside its code alone', () => {
  expect(listLinks('[a](b) `[c](d)` [e](f)').map(({ target }) => target)).toEqual(['b', 'f']);
});

test('a manifest names the repository and the folder of the package', () => {
  expect(describeRepository(sources, 'packages/one')).toEqual({
    repository: { type: 'git', url: `git+${sources.url}.git`, directory: 'packages/one' },
    homepage: `${sources.url}/tree/HEAD/packages/one#readme`,
    bugs: `${sources.url}/issues`,
  });
});

test('the address of the repository is that of the workflow, and outside of one the error names the rehearsal', () => {
  const workflow = { GITHUB_SERVER_URL: 'https://git.example.com', GITHUB_REPOSITORY: 'acme/valet-key' };
  expect(readRepositoryUrl(workflow)).toBe(sources.url);
  expect(() => readRepositoryUrl({})).toThrow('Try it with `pnpm rehearse:release`');
});
