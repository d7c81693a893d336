import { spawnSync } from 'node:child_process';
import type { Problem } from './repository.ts';

const rootEntries = new Set(
  `apps deploy docs examples packages tools .changeset .ci .devcontainer .dockerignore .github .vscode .editorconfig .gitignore
  .oxfmtrc.json .oxlintrc.json AGENTS.md CONTRIBUTING.md LICENSE README.md SECURITY.md package.json pnpm-lock.yaml
  pnpm-workspace.yaml tsconfig.base.json turbo.json`.split(/\s+/),
);

/** Reports each unlisted entry of the root folder. Files that git ignores (a broker's data, secrets) do not count. */
export function checkRootFolder(root: string): Problem[] {
  const { status, stdout } = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) {
    process.stdout.write('structure: skips the root folder because this is not a git repository\n');
    return [];
  }
  const names = new Set(stdout.split('\0').flatMap((path) => path.split('/', 1)));
  names.delete('');
  return [...names]
    .filter((name) => !rootEntries.has(name))
    .map((name) => ({ place: name, problem: 'does not belong in the root folder' }));
}
