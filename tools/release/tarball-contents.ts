import { execFileSync } from 'node:child_process';

/** The files that a tarball may contain: no tests, fixtures, sources, keys or environment files. */
const published =
  /^package\/((?:package|(?:config|recipe)\.schema|sbom\.cdx)\.json|README\.md|LICENSE|CHANGELOG\.md|[a-z-]+\.(?:js|d\.ts)|dist\/(cjs\/package\.json|cli\/LICENSES\.txt|[\w./-]+\.(js|d\.ts)))$/;

/** Returns the paths in a tarball: `package/README.md`. Throws if there is a file that must not be published, or no licence. */
export function listContents(tarball: string): readonly string[] {
  const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n');
  const unexpected = files.filter((file) => !published.test(file) || /\.test|__fixtures__|testing\//.test(file));
  if (unexpected.length > 0) throw new Error(`${tarball} must not contain ${unexpected.join(', ')}.`);
  if (!files.includes('package/LICENSE')) throw new Error(`${tarball} has no LICENSE.`);
  return files;
}
