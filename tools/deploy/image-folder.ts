import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../workspace.ts';
import { environmentOf, parseDockerfile, valuesOf, type Stage } from './dockerfile.ts';

/** A folder that stands for the root folder of the image: `/opt/valetkey` is `<folder>/opt/valetkey`. */
export interface ImageFolder {
  readonly folder: string;
  readonly final: Stage;
  /** Returns a text in which the paths of the image lie in the folder. */
  readonly locate: (text: string) => string;
}

/** Copies what `.dockerignore` lets into the context of the build, as far as git tracks it. */
function copyContext(target: string): void {
  const allowed = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const options = { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 } as const;
  const listed = execFileSync('git', ['ls-files', '-z', '--', ...allowed], options);
  for (const file of listed.split('\0').filter((path) => path !== '')) {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    copyFileSync(join(root, file), join(target, file));
  }
}

/**
 * Does what the Dockerfile says in a folder, without a container engine: copies the context, runs each `RUN` of the first stage, and
 * then the `COPY` and `RUN` of the last one. Throws if the Dockerfile has an instruction that this function does not know.
 */
export function buildImageFolder(folder: string): ImageFolder {
  const { stages } = parseDockerfile(readFileSync(join(root, 'deploy/Dockerfile'), 'utf8'));
  const [build, final, ...others] = stages;
  if (build === undefined || final === undefined || others.length > 0) throw new Error('The image has two stages.');
  const paths = ['/source', '/packed', '/opt/valetkey', '/usr/local/bin', '/etc/valetkey'];
  const pattern = new RegExp(`(?<![\\w/.-])(?:${paths.join('|')})(?![\\w-])`, 'g');
  const locate = (text: string) => text.replaceAll(pattern, (path) => join(folder, path));
  for (const path of paths.slice(2)) mkdirSync(join(folder, path), { recursive: true });

  copyContext(join(folder, '/source'));
  runSteps(build, locate);
  runSteps(final, locate);
  return { folder, final, locate };
}

function runSteps(stage: Stage, locate: (text: string) => string): void {
  const environment = { ...process.env, ...environmentOf(stage) };
  const [workingFolder = ''] = valuesOf(stage, 'WORKDIR').map(locate);
  for (const { keyword, value } of stage.instructions) {
    if (keyword === 'RUN') {
      execFileSync('sh', ['-c', locate(value)], { cwd: workingFolder, env: environment, stdio: 'inherit' });
    } else if (keyword === 'COPY' && value !== '. .') {
      const [, from, to] = /^--from=build (\S+) (\S+)$/.exec(value) ?? [];
      if (from === undefined || to === undefined) throw new Error(`COPY ${value} is not known.`);
      const target = join(workingFolder, to);
      mkdirSync(dirname(target), { recursive: true });
      cpSync(locate(from), target, { recursive: true, verbatimSymlinks: true });
    }
  }
}

interface PackageFacts {
  readonly name: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

function readFacts(folder: string): PackageFacts {
  const facts = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Partial<PackageFacts>;
  return { name: '', dependencies: {}, optionalDependencies: {}, peerDependencies: {}, ...facts };
}

/** Returns the names of the installed packages that no production dependency needs, beginning at the package in `folder`. */
export function listUnneededPackages(folder: string): string[] {
  const store = join(folder, 'node_modules/.pnpm');
  const installed = new Map<string, PackageFacts>();
  for (const entry of readdirSync(store)) {
    if (entry === 'node_modules' || entry === 'lock.yaml') continue;
    for (const name of listPackageNames(join(store, entry, 'node_modules'))) {
      installed.set(name, readFacts(join(store, entry, 'node_modules', name)));
    }
  }
  const needed = new Set<string>();
  const visit = ({ dependencies, optionalDependencies, peerDependencies }: PackageFacts) => {
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const facts = installed.get(name);
      if (facts === undefined || needed.has(name)) continue;
      needed.add(name);
      visit(facts);
    }
  };
  visit(readFacts(folder));
  return [...installed.keys()].filter((name) => !needed.has(name));
}

function listPackageNames(folder: string): string[] {
  return readdirSync(folder).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(folder, name)).map((part) => `${name}/${part}`) : [name],
  );
}
