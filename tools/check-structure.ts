// The rules of the house that a reader relies on, checked by a script so that no reviewer has to.
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseSync } from 'oxc-parser';
import { listPackages, root, type WorkspacePackage } from './workspace.ts';

const maxCodeLines = 250;

/** Who may import whom. `core-types` <- its three readers <- `broker`; `core-types` <- `client-sdk`. */
const allowedImports: Readonly<Record<string, readonly string[]>> = {
  'core-types': [],
  'jwt-verify': ['core-types'],
  'vendor-clients': ['core-types'],
  'token-cache': ['core-types'],
  sandbox: ['core-types'],
  broker: ['core-types', 'jwt-verify', 'vendor-clients', 'token-cache'],
  'client-sdk': ['core-types'],
};

/** The one place that may load the sandbox outside of tests, and only when it runs. */
const lazySandboxImport = 'apps/broker/src/dev.ts';

const rootEntries = new Set(
  `packages apps docs examples tools .changeset .ci .github package.json pnpm-workspace.yaml pnpm-lock.yaml turbo.json
  tsconfig.base.json README.md LICENSE CONTRIBUTING.md SECURITY.md .gitignore .oxlintrc.json .oxfmtrc.json`.split(
    /\s+/,
  ),
);

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly dynamic: boolean;
}

const problems: string[] = [];
const report = (place: string, problem: string) => problems.push(`${place}: ${problem}`);

const isTest = (file: string) => /\.(test|test-d|soak)\.ts$|\/(testing|simulation|__fixtures__)\//.test(file);
const packageOf = (specifier: string) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');

function readImports(file: string, source: string): Import[] {
  const { module, errors } = parseSync(file, source);
  if (errors.length > 0) report(file, 'cannot be parsed');
  const fixed = module.staticImports.map(({ moduleRequest, entries }) => ({
    specifier: moduleRequest.value,
    typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
    dynamic: false,
  }));
  const exported = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ moduleRequest, isType }) =>
      moduleRequest ? [{ specifier: moduleRequest.value, typeOnly: isType, dynamic: false }] : [],
    ),
  );
  const dynamic = module.dynamicImports.map(({ moduleRequest: { start, end } }) => ({
    specifier: source.slice(start, end).replaceAll(/^['"`]|['"`]$/g, ''),
    typeOnly: false,
    dynamic: true,
  }));
  return [...fixed, ...exported, ...dynamic];
}

function countCodeLines(source: string): number {
  const withoutBlocks = source.replaceAll(/\/\*[\s\S]*?\*\//g, '');
  return withoutBlocks.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('//')).length;
}

function checkImport(file: string, { folder, manifest }: WorkspacePackage, { specifier, typeOnly, dynamic }: Import) {
  // A name that is computed when the program runs is none of the packages.
  if (specifier.startsWith('.') || (dynamic && !/^[@a-z]/.test(specifier)) || specifier.includes('(')) return;
  const name = packageOf(specifier);
  if (name.startsWith('@valetkey/')) {
    const target = name.slice('@valetkey/'.length);
    const lazySandbox = target === 'sandbox' && dynamic && file === lazySandboxImport;
    if (!lazySandbox && !allowedImports[basename(folder)]?.includes(target)) report(file, `must not import ${name}`);
  }
  if (basename(folder) === 'client-sdk' && !typeOnly)
    report(file, `imports ${specifier} at run time; the client carries nothing`);
  if (basename(folder) === 'core-types' && name !== 'zod')
    report(file, `imports ${specifier}; core-types imports zod alone`);
  if (specifier.startsWith('node:')) return;
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies };
  if (!typeOnly && declared[name] === undefined) report(file, `imports ${name}, which package.json does not declare`);
}

function checkPackage(entry: WorkspacePackage) {
  const { folder, manifest } = entry;
  const imported = new Set<string>();
  for (const file of globSync(`${folder}/src/**/*.ts`, { cwd: root })) {
    const source = readFileSync(join(root, file), 'utf8');
    if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.((e2e|timing)\.test|test|test-d|soak|config))?\.ts$/.test(basename(file)))
      report(file, 'is not kebab-case');
    const imports = readImports(file, source);
    for (const { specifier } of imports) imported.add(packageOf(specifier));
    if (isTest(file)) continue;
    for (const found of imports) checkImport(file, entry, found);
    const lines = countCodeLines(source);
    if (lines > maxCodeLines) report(file, `has ${lines} lines of code; past ${maxCodeLines} it wants splitting`);
  }
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    if (!imported.has(name) && !isPeerOf(manifest, name)) report(folder, `declares ${name} and imports it nowhere`);
  }
  checkReadme(entry);
}

/** Whether a package of ours that this one depends on asks for the dependency to be there. */
function isPeerOf({ dependencies = {} }: WorkspacePackage['manifest'], name: string): boolean {
  return packages.some(({ manifest }) => manifest.name in dependencies && name in (manifest.peerDependencies ?? {}));
}

function checkReadme({ folder, manifest }: WorkspacePackage) {
  const readme = globSync(`${folder}/README.md`, { cwd: root })[0];
  if (readme === undefined) {
    report(folder, 'has no README.md');
    return;
  }
  const text = readFileSync(join(root, readme), 'utf8');
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) {
    if (!text.includes(name)) report(readme, `does not say why ${name} is there`);
  }
}

/** What somebody who adds a vendor may forget, and no type misses. */
function checkVendorRegistry() {
  const folder = 'packages/vendor-clients/src';
  const read = (file: string) => readFileSync(join(root, file), 'utf8');
  const registered = new Set(
    readImports('registry.ts', read(`${folder}/registry.ts`)).map(
      ({ specifier }) => /^\.\/vendors\/([a-z0-9-]+)\/\1\.ts$/.exec(specifier)?.[1],
    ),
  );
  const exported = readExportedNames(read(`${folder}/index.ts`));
  for (const name of readdirSync(join(root, folder, 'vendors'))) {
    const file = `${folder}/vendors/${name}/${name}.ts`;
    if (!registered.has(name)) report(file, 'is not in the registry');
    const definition = name.replaceAll(/-([a-z0-9])/g, (_, first: string) => first.toUpperCase());
    const client = `create${definition.charAt(0).toUpperCase()}${definition.slice(1)}Client`;
    for (const value of [definition, client]) {
      if (!exported.has(value)) report(`${folder}/index.ts`, `does not export ${value} of vendors/${name}.ts`);
    }
    const page = `docs/vendors/${name}.md`;
    if (!existsSync(join(root, page))) {
      report(page, 'is missing');
      continue;
    }
    const title = /title: '([^']+)'/.exec(read(file))?.[1];
    const heading = /^# (.*)$/m.exec(read(page))?.[1];
    if (title === undefined) report(file, "does not say its title as `title: '…'`");
    else if (!heading?.includes(title)) report(page, `does not name ${title} in its first heading`);
  }
}

function readExportedNames(source: string): ReadonlySet<string | null> {
  const { staticExports } = parseSync('index.ts', source).module;
  return new Set(staticExports.flatMap(({ entries }) => entries.map(({ exportName }) => exportName.name)));
}

/** What git leaves out is everybody's own: editors, a broker's data, secrets for trying. */
function checkRoot() {
  const { status, stdout } = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) {
    process.stdout.write('structure: the root folder is not looked at, for git does not answer here\n');
    return;
  }
  const names = new Set(stdout.split('\0').flatMap((path) => path.split('/', 1)));
  names.delete('');
  for (const name of names) {
    if (!rootEntries.has(name)) report(name, 'does not belong in the root folder');
  }
}

const packages = listPackages();
for (const entry of packages) checkPackage(entry);
checkVendorRegistry();
checkRoot();

for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(`structure: ${packages.length} packages, ${problems.length} problems\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
