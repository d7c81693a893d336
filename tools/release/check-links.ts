import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { listLinks, type Sources } from './published-files.ts';

/**
 * Checks the links of a page as a registry shows it, without the files beside it. `page` is the path of the page in the repository, of
 * which `checkout` is the released commit. Throws if a link is relative, or leads to no file or heading of the repository.
 */
export function checkLinks(markdown: string, page: string, { url, commit }: Sources, checkout: string): void {
  for (const { target } of listLinks(markdown)) {
    const place = `${page} links to ${target}`;
    if (target.startsWith('#')) {
      assert(listHeadings(markdown).has(target.slice(1)), `${place}, which is no heading`);
      continue;
    }
    assert.match(target, /^https:\/\//, `${place}, which is not absolute`);
    if (!target.startsWith(`${url}/`)) continue;
    const [, kind, found, path = '', , heading] =
      /^\/(blob|tree)\/([0-9a-f]{40})\/([^#]*)(#(.*))?$/.exec(target.slice(url.length)) ?? [];
    assert.equal(found, commit, `${place}, which is not of the release`);
    const file = join(checkout, path);
    assert(existsSync(file), `${place}, which does not exist`);
    assert.equal(statSync(file).isDirectory(), kind === 'tree', `${place}, which is of the other kind`);
    if (heading !== undefined) {
      assert(listHeadings(readFileSync(file, 'utf8')).has(heading), `${place}, which has no such heading`);
    }
  }
}

/** Returns the fragments of the headings of a page, as GitHub makes them. */
function listHeadings(markdown: string): ReadonlySet<string> {
  const prose = markdown.replaceAll(/^```[\s\S]*?^```/gm, '');
  const titles = [...prose.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => title);
  return new Set(
    titles.map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
