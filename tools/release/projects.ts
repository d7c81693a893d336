// Empty projects outside the repository, in which the published packages are installed as their users install them.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { compileBlocks } from '../clients/compile-blocks.ts';
import { readBlocks } from '../clients/page-code.ts';
import { root, type WorkspacePackage } from '../workspace.ts';

/** A project, and the environment in which its commands run. */
export interface Project {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function createProject(parent: string, name: string, environment: Project['environment']): Project {
  const folder = join(parent, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  return { folder, environment };
}

function npmInstall({ folder, environment }: Project, names: readonly string[]): void {
  execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', ...names], {
    cwd: folder,
    env: environment,
    stdio: 'inherit',
  });
  // Fails if a dependency is missing or has a version that its dependent does not accept.
  execFileSync('npm', ['ls', '--all'], { cwd: folder, env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Installs one package, with what the first command of its README installs beside it, and imports it. */
export function installAlone(
  project: Project,
  { folder, manifest: { name } }: WorkspacePackage,
  checkout: string,
): void {
  const readme = readFileSync(join(checkout, folder, 'README.md'), 'utf8');
  const [, written = ''] = /^npm install (?:--save-dev )?(@valetkey\/.*)$/m.exec(readme) ?? [];
  // The broker without the sandbox is tried here, and with it by the first token.
  npmInstall(project, written.startsWith(name) && name !== '@valetkey/broker' ? written.split(' ') : [name]);
  run(project, 'import.js', `await import('${name}');`);
}

/** Installs all packages, and compiles every block of TypeScript in their READMEs with the installed types. */
export function installTogether(project: Project, packages: readonly WorkspacePackage[], checkout: string): void {
  const others = ['express@5', 'react@19', 'redis@6', '@types/express@5', '@types/node@24', '@types/react@19'];
  npmInstall(project, [...packages.map(({ manifest }) => manifest.name), ...others]);
  const pages = packages.map(({ folder }) => relative(root, join(checkout, folder, 'README.md')));
  const blocks = pages.flatMap((page) => readBlocks(page, 'ts', 'tsx'));
  // A declaration of the names of connections changes what every other block may name.
  const compiled = blocks.filter(({ section }) => section !== 'Names of connections');
  const isOfClient = ({ place }: (typeof blocks)[number]) => place.includes('client-sdk');
  const problems = [
    ...compile(project, compiled.filter(isOfClient), ['es2022', 'dom']),
    // A server's project knows no browser.
    ...compile(
      project,
      compiled.filter((block) => !isOfClient(block)),
      ['es2024', 'esnext.disposable'],
    ),
  ];
  assert.deepEqual(problems, [], 'the examples of the READMEs do not compile with the published types');
  const catalog = blocks.find(({ section }) => section === 'Simulating a recipe');
  const { stdout, stderr } = run(project, 'catalog.ts', catalog?.code ?? '');
  assert.match(stdout, /sandbox-only-deepgram-api-key/, stderr);
}

function compile({ folder }: Project, blocks: ReturnType<typeof readBlocks>, lib: readonly string[]): string[] {
  return compileBlocks(blocks, {
    stubs: join(root, 'tools/clients/__fixtures__/typescript'),
    packages: join(folder, 'node_modules'),
    options: { paths: {}, customConditions: [], types: ['node'], lib },
  });
}

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(
  { folder, environment }: Project,
  file: string,
  code: string,
  settings: Readonly<Record<string, string>> = {},
): Outcome {
  writeFileSync(join(folder, file), code);
  return spawnSync('node', [file], { cwd: folder, env: { ...environment, ...settings }, encoding: 'utf8' });
}

/** What the first example of a README does, if it can run without a vendor or an identity provider. */
const examples: Readonly<Record<string, (project: Project, code: string) => void>> = {
  '@valetkey/core-types': (project, code) => {
    const { stdout, stderr } = run(project, 'example.ts', code);
    assert.match(stdout, /\[redacted\]/);
    assert.match(stderr, /Nudge did not respond within 5000 ms/);
  },
  '@valetkey/jwt-verify': (project, code) => {
    const use = "await identify('no token').catch(({ code, reason }) => console.log(code, reason));";
    const { stdout, stderr } = run(project, 'example.ts', `${code}\n${use}`);
    assert.match(stdout, /^invalid_token malformed_token/, stderr);
  },
  '@valetkey/sandbox': (project, code) => {
    const { status, stderr } = run(project, 'example.ts', code);
    assert.equal(status, 0, stderr);
  },
  '@valetkey/token-cache': (project, code) => {
    const answer = "globalThis.fetch = async () => Response.json({ access_token: 'a', expires_in: 3600 });";
    const { stdout, stderr } = run(project, 'example.ts', `${answer}\n${code}\nconsole.log(token);`);
    assert.match(stdout, /\[redacted\]/, stderr);
  },
  '@valetkey/vendor-clients': (project, code) => {
    const { stderr } = run(project, 'example.ts', code, { VITAL_API_KEY: '' });
    assert.match(stderr, /Vital cannot be set up: apiKey: must not be empty/);
  },
  '@valetkey/broker': ({ folder, environment }) => {
    const options = { cwd: folder, env: environment, encoding: 'utf8' } as const;
    assert.match(execFileSync('npx', ['valetkey', '--version'], options), /^\d+\.\d+\.\d+\n$/);
    const { status, stderr } = spawnSync('npx', ['valetkey', 'dev', '--port', '0'], options);
    assert.equal(status, 1);
    assert.match(stderr, /the sandbox is not installed; run `npm install --save-dev @valetkey\/sandbox`/);
  },
  '@valetkey/client-sdk': (project) => {
    const load = "import { createRequire } from 'node:module';\nimport * as imported from '@valetkey/client-sdk';";
    const compare = "const required = createRequire(import.meta.url)('@valetkey/client-sdk');";
    const print = 'console.log(Object.keys(imported).every((name) => name in required));';
    assert.equal(run(project, 'example.ts', [load, compare, print].join('\n')).stdout, 'true\n');
  },
};

/** Runs the first example of a package's README in a project in which the package is installed. */
export function runExamples(project: Project, name: string): void {
  const example = examples[name];
  assert(example !== undefined, `tools/release/projects.ts does not say what the first example of ${name} does.`);
  const page = join('node_modules', name, 'README.md');
  const [, block = ''] = /^```ts\n([^]*?)^```$/m.exec(readFileSync(join(project.folder, page), 'utf8')) ?? [];
  example(project, block);
}
