// Rehearses a release with the commands of the release workflow, in a temporary clone of the last commit and with a registry on this
// machine: `pnpm rehearse:release`. It publishes every package, installs each alone and all together in empty projects, runs the
// examples of the READMEs there, and then releases a correction of one package alone.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { listPackages, removeTemporaryFolder, root } from '../workspace.ts';
import { listChangelogProblems } from './changelog-problems.ts';
import { checkLinks } from './check-links.ts';
import { getFirstToken } from './first-token.ts';
import { createProject, installAlone, installTogether, runExamples } from './projects.ts';
import { startRegistry, type Registry } from './registry.ts';
import { listContents } from './tarball-contents.ts';

const maxBuffer = 64 * 1024 * 1024;
const started = performance.now();
const folder = mkdtempSync(join(tmpdir(), 'valetkey-release-'));
const clone = join(folder, 'clone');
const repository = { GITHUB_SERVER_URL: 'https://git.example.com', GITHUB_REPOSITORY: 'acme/valet-key' };
const url = `${repository.GITHUB_SERVER_URL}/${repository.GITHUB_REPOSITORY}`;

/** As in a fresh terminal: without the programs of this workspace, and without what pnpm says to its scripts. */
const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^p?npm_/i.test(name)));
const path = (process.env['PATH'] ?? '').split(delimiter).filter((place) => !place.startsWith(root));
const environment = {
  ...bare,
  PATH: [dirname(process.execPath), ...path].join(delimiter),
  CI: 'true',
  TURBO_TELEMETRY_DISABLED: '1',
};

function step(text: string): void {
  process.stdout.write(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${text}\n`);
}

/** Runs a command in the clone. Its output is shown only if it fails. */
function run(command: readonly string[], settings: Readonly<Record<string, string>> = {}): string {
  const [program = '', ...parameters] = command;
  const env = { ...environment, ...settings };
  const { status, stdout, stderr } = spawnSync(program, parameters, { cwd: clone, env, encoding: 'utf8', maxBuffer });
  if (status === 0) return stdout;
  throw new Error(`${command.join(' ')} ended with ${status} in the clone:\n${stdout}\n${stderr}`);
}

const git = (...parameters: string[]) => run(['git', ...parameters]).trim();

/** Runs a command of the release workflow. */
const pnpm = (script: string, settings?: Readonly<Record<string, string>>) =>
  run(['npx', '-y', 'pnpm@12.18.0', 'run', script], settings);

const readVersions = () =>
  Object.fromEntries(listPackages(clone).map(({ manifest: { name, version } }) => [name, version]));

/** Makes the versions and changelogs of the next release, and commits them as the merge of the release's pull request does. */
function makeVersions(): void {
  pnpm('release:version');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'Release');
}

/** Publishes what the registry lacks, from an unchanged checkout. Returns the names and versions that it published. */
function publish({ account }: Registry): readonly string[] {
  pnpm('release', { ...account, ...repository });
  // The release workflow throws its checkout away.
  git('checkout', '--quiet', '--', '.');
  return git('tag', '--points-at', 'HEAD').split('\n').toSorted();
}

async function checkPublished({ url: registryUrl }: Registry): Promise<void> {
  const commit = git('rev-parse', 'HEAD');
  for (const { folder: directory, manifest } of listPackages(clone)) {
    const response = await fetch(`${registryUrl}/${manifest.name}/${manifest.version}`);
    const published = (await response.json()) as {
      repository?: { url?: string; directory?: string };
      license?: string;
      dist: { tarball: string };
    };
    assert.equal(published.repository?.url, `git+${url}.git`, manifest.name);
    assert.equal(published.repository?.directory, directory);
    assert.equal(published.license, 'Apache-2.0');
    assert.doesNotMatch(JSON.stringify(published), /workspace:/, `${manifest.name} needs the workspace`);

    const tarball = join(folder, 'published.tgz');
    writeFileSync(tarball, new Uint8Array(await (await fetch(published.dist.tarball)).arrayBuffer()));
    const files = listContents(tarball);
    for (const file of ['README.md', 'CHANGELOG.md', 'sbom.cdx.json']) assert(files.includes(`package/${file}`), file);
    const read = (file: string) => execFileSync('tar', ['-xzOf', tarball, `package/${file}`], { encoding: 'utf8' });
    checkSbom(JSON.parse(read('sbom.cdx.json')) as Sbom, manifest);
    checkLinks(read('README.md'), `${directory}/README.md`, { url, commit }, clone);
    assert.deepEqual(listChangelogProblems(read('CHANGELOG.md')), [], `the changelog of ${manifest.name}`);
  }
}

interface Sbom {
  readonly bomFormat: string;
  readonly metadata: { readonly component: { readonly purl: string } };
  readonly components: readonly { readonly purl: string; readonly licenses?: readonly unknown[] }[];
}

/** Checks that a list of dependencies is about this package, names each direct dependency, and has a licence for each entry. */
function checkSbom(sbom: Sbom, manifest: ReturnType<typeof listPackages>[number]['manifest']): void {
  const { name, version, dependencies = {} } = manifest;
  assert.equal(sbom.bomFormat, 'CycloneDX');
  assert.equal(sbom.metadata.component.purl, `pkg:npm/${name.replace('@', '%40')}@${version}`);
  for (const dependency of Object.keys(dependencies)) {
    const start = `pkg:npm/${dependency.replace('@', '%40')}@`;
    assert(
      sbom.components.some(({ purl }) => purl.startsWith(start)),
      `the SBOM of ${name} lacks ${dependency}`,
    );
  }
  assert.deepEqual(
    sbom.components.filter(({ licenses = [] }) => licenses.length === 0).map(({ purl }) => purl),
    [],
  );
}

/** Runs the commands with which the broker's README installs tarballs of a clone. No registry has these versions. */
function installTarballs(): void {
  const readme = readFileSync(join(clone, 'apps/broker/README.md'), 'utf8');
  const [, commands] = /^## Until the packages are on npm$[^]*?^```sh\n([^]*?)^```$/m.exec(readme) ?? [];
  assert(commands !== undefined, 'The README of the broker does not say how to install tarballs.');
  run(['sh', '-ec', `${commands}\nnpx valetkey init --yes\nls valetkey.yaml`]);
}

/** Releases a correction of jwt-verify. The broker must follow, because its command contains the code of jwt-verify. */
function releaseOnePackage(registry: Registry): void {
  const before = readVersions();
  const changeset = "---\n'@valetkey/jwt-verify': patch\n---\n\nCorrect a message.\n";
  writeFileSync(join(clone, '.changeset/rehearsal.md'), changeset);
  makeVersions();
  const after = readVersions();
  const changed = Object.keys(after).filter((name) => after[name] !== before[name]);
  assert.deepEqual(changed.toSorted(), ['@valetkey/broker', '@valetkey/jwt-verify']);
  assert.deepEqual(publish(registry), changed.map((name) => `${name}@${after[name]}`).toSorted());
  const entry = readFileSync(join(clone, 'apps/broker/CHANGELOG.md'), 'utf8').split(/^## /m)[1];
  assert.match(entry ?? '', /Uses `@valetkey\/jwt-verify` \d+\.\d+\.\d+\./);
}

async function rehearse(registry: Registry): Promise<void> {
  run(['npx', '-y', 'pnpm@12.18.0', 'install', '--frozen-lockfile', '--prefer-offline', '--silent']);
  step('installed a clone of the last commit');
  const before = readVersions();
  makeVersions();
  const versions = readVersions();
  for (const [name, version] of Object.entries(versions))
    assert.notEqual(version, before[name], `${name} has no change`);
  step(
    `made versions: ${Object.entries(versions)
      .map(([name, version]) => `${name.replace('@valetkey/', '')} ${version}`)
      .join(', ')}`,
  );
  assert.deepEqual(
    publish(registry),
    Object.entries(versions)
      .map(([name, version]) => `${name}@${version}`)
      .toSorted(),
  );
  await checkPublished(registry);
  step(
    `published ${Object.keys(versions).length} packages, and checked manifests, contents, links, changelogs and SBOMs`,
  );

  const visitor = { ...environment, ...registry.visitor };
  for (const entry of listPackages(clone)) {
    const project = createProject(folder, entry.manifest.name.replace('@valetkey/', ''), visitor);
    installAlone(project, entry, clone);
    runExamples(project, entry.manifest.name);
  }
  step('installed each package alone, and ran the examples of its README');
  const together = createProject(folder, 'together', visitor);
  installTogether(together, listPackages(clone), clone);
  step('installed all packages together, and compiled every example of the READMEs');
  step(`got a token: ${await getFirstToken(createProject(folder, 'first-token', visitor), clone)}`);

  installTarballs();
  step('installed tarballs of the clone, as the README of the broker says it');
  releaseOnePackage(registry);
  step('released a correction of jwt-verify: only it and the broker have new versions');
}

let registry: Registry | undefined;
try {
  execFileSync('git', ['clone', '--quiet', '--shared', root, clone], { stdio: ['ignore', 'inherit', 'inherit'] });
  git('config', 'user.name', 'Rehearsal');
  git('config', 'user.email', 'rehearsal@example.com');
  registry = await startRegistry(join(folder, 'registry'));
  await rehearse(registry);
  process.stdout.write('rehearsal: the release works, from the versions to the first token\n');
} finally {
  registry?.close();
  removeTemporaryFolder(folder);
}
