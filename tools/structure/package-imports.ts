import type { Problem, Repository, SourcePackage } from './repository.ts';
import { packageOf, type Import } from './source-file.ts';

/** The packages that each package may import. */
const allowedImports: Readonly<Record<string, readonly string[]>> = {
  'core-types': [],
  'jwt-verify': ['core-types'],
  'vendor-clients': ['core-types'],
  'token-cache': ['core-types'],
  sandbox: ['core-types'],
  broker: ['core-types', 'jwt-verify', 'vendor-clients', 'token-cache'],
  'client-sdk': ['core-types'],
};

/** The only file that may load the sandbox, at run time: a broker in production carries no simulator. */
const mayLoadSandbox = /^apps\/broker\/src\/(.*\/)?dev\.ts$/;

/** What the files of the client SDK import at run time, by their folder. Everything else of it imports nothing. */
const clientImports: Readonly<Record<string, readonly string[]>> = { login: ['oauth4webapi'], react: ['react'] };

/** Reports imports of other packages of ours, imports that `package.json` does not declare, and unused dependencies. */
export function checkPackageImports(repository: Repository): Problem[] {
  return repository.packages.flatMap((entry) => [
    ...entry.files
      .filter(({ isTest }) => !isTest)
      .flatMap(({ path, imports }) =>
        imports.flatMap((found) => checkImport(path, entry, found).map((problem) => ({ place: path, problem }))),
      ),
    ...findUnusedDependencies(repository, entry),
  ]);
}

function checkImport(
  path: string,
  { name, manifest }: SourcePackage,
  { specifier, typeOnly, dynamic }: Import,
): string[] {
  if (specifier.startsWith('.')) return [];
  const problems: string[] = [];
  const imported = packageOf(specifier);
  if (imported.startsWith('@valetkey/')) {
    const target = imported.slice('@valetkey/'.length);
    const loadsSandbox = target === 'sandbox' && dynamic && mayLoadSandbox.test(path);
    if (!loadsSandbox && !allowedImports[name]?.includes(target)) problems.push(`must not import ${imported}`);
  }
  const clientFolder = /^apps\/client-sdk\/src\/([^/]+)\//.exec(path)?.[1] ?? '';
  if (name === 'client-sdk' && !typeOnly && !clientImports[clientFolder]?.includes(imported)) {
    problems.push(`imports ${specifier} at run time, which no file of this folder may`);
  }
  if (name === 'core-types' && imported !== 'zod') problems.push(`imports ${specifier}; core-types imports only zod`);
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies };
  if (!specifier.startsWith('node:') && !typeOnly && declared[imported] === undefined) {
    problems.push(`imports ${imported}, which package.json does not declare`);
  }
  return problems;
}

function findUnusedDependencies({ packages }: Repository, { folder, manifest, files }: SourcePackage): Problem[] {
  const imported = new Set(files.flatMap(({ imports }) => imports.map(({ specifier }) => packageOf(specifier))));
  const { dependencies = {} } = manifest;
  // A dependency of ours may require the package to be present.
  const isPeer = (name: string) =>
    packages.some((other) => other.manifest.name in dependencies && name in (other.manifest.peerDependencies ?? {}));
  return Object.keys(dependencies)
    .filter((name) => !imported.has(name) && !isPeer(name))
    .map((name) => ({ place: folder, problem: `declares ${name} but never imports it` }));
}
