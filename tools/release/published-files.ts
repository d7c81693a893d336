// Writes what only a release knows into the files of a package: where its repository is, and which commit the package is made of.

/** Where the sources of a release are. */
export interface Sources {
  /** The address of the repository in a browser: `https://git.example.com/acme/valet-key`. */
  readonly url: string;
  readonly commit: string;
}

/** The fields of a manifest that say where the sources of a package are. */
export interface RepositoryFields {
  readonly repository: { readonly type: 'git'; readonly url: string; readonly directory: string };
  readonly homepage: string;
  readonly bugs: string;
}

/** Returns the address of the repository of which GitHub runs a workflow. Throws if no workflow runs. */
export function readRepositoryUrl(environment: Readonly<Record<string, string | undefined>>): string {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = environment;
  if (server !== undefined && repository !== undefined) return `${server}/${repository}`;
  throw new Error(
    'A release changes the files of its checkout, so it runs only in the release workflow, which sets GITHUB_SERVER_URL ' +
      'and GITHUB_REPOSITORY. Try it with `pnpm rehearse:release`.',
  );
}

/** Returns the fields for the package in `directory`, such as `packages/core-types`. */
export function describeRepository({ url }: Sources, directory: string): RepositoryFields {
  return {
    repository: { type: 'git', url: `git+${url}.git`, directory },
    homepage: `${url}/tree/HEAD/${directory}#readme`,
    bugs: `${url}/issues`,
  };
}

/** A link of a page, and where it starts there. */
export interface Link {
  readonly target: string;
  readonly index: number;
}

/** Returns the links of a page outside its code. */
export function listLinks(markdown: string): Link[] {
  const prose = markdown.replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, (code) => ' '.repeat(code.length));
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => ({
    target: match[1] ?? '',
    index: match.index + ']('.length,
  }));
}

/**
 * Returns a page whose relative links lead to the repository, at the commit of the release: a registry shows a page without the files
 * beside it. `isFolder` says of a path in the repository whether it is a folder.
 */
export function makeLinksAbsolute(
  markdown: string,
  directory: string,
  { url, commit }: Sources,
  isFolder: (path: string) => boolean,
): string {
  let page = markdown;
  for (const { target, index } of listLinks(markdown).toReversed()) {
    if (/^(?:#|[a-z]+:)/.test(target)) continue;
    const { pathname, hash } = new URL(target, `file:///${directory}/`);
    const path = pathname.slice(1).replace(/\/$/, '');
    const address = `${url}/${isFolder(path) ? 'tree' : 'blob'}/${commit}/${path}${hash}`;
    page = page.slice(0, index) + address + page.slice(index + target.length);
  }
  return page;
}
