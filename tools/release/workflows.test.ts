import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { root } from '../workspace.ts';

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: { readonly script?: string };
  readonly env?: Readonly<Record<string, string>>;
}
interface Workflow {
  readonly jobs: Readonly<
    Record<string, { readonly permissions?: object; readonly uses?: string; readonly steps?: readonly Step[] }>
  >;
}

const read = (file: string) => readFileSync(join(root, file), 'utf8');
const release = parse(read('.github/workflows/release.yml')) as Workflow;
const scriptOf = (job: string) => release.jobs[job]?.steps?.flatMap((step) => step.with?.script ?? []);

test('the release workflow runs the commands that the rehearsal runs', () => {
  const scripts = [...read('tools/release/rehearse.ts').matchAll(/\bpnpm\('([\w:]+)'/g)].map(([, name]) => name);
  expect(new Set(scripts)).toEqual(new Set(['release:version', 'release']));
  expect(scriptOf('version')).toEqual(['npx -y pnpm@12.18.0 run release:version']);
  expect(scriptOf('publish')).toEqual(['npx -y pnpm@12.18.0 run release']);
});

test('only the job that publishes can prove its identity, and it stores no token of the registry', () => {
  const trusted = Object.entries(release.jobs).filter(([, { permissions = {} }]) => 'id-token' in permissions);
  expect(trusted.map(([name]) => name)).toEqual(['publish']);
  expect(read('.github/workflows/release.yml')).not.toMatch(/NPM_TOKEN|NODE_AUTH_TOKEN/);
});

test('every action of a workflow is pinned by the hash of its commit', () => {
  const files = globSync('.github/workflows/*', { cwd: root });
  const used = files.flatMap((file) => [...read(file).matchAll(/uses: (\S+)(.*)$/gm)].map(([line]) => line));
  expect(used.length).toBeGreaterThan(10);
  const unpinned = used.filter((line) => !/^uses: (?:\.\/\S+|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/.test(line));
  expect(unpinned).toEqual([]);
});
