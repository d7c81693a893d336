import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './workspace.ts';

interface PlannedTask {
  readonly taskId: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly dependencies: readonly string[];
}

const turbo = join(root, 'node_modules/.bin/turbo');
const plan = execFileSync(turbo, ['run', 'build', 'typecheck', '--dry=json'], { cwd: root, encoding: 'utf8' });
const { tasks } = JSON.parse(plan) as { readonly tasks: readonly PlannedTask[] };
const inputsOf = (name: string) =>
  tasks.filter(({ taskId }) => taskId.endsWith(`#${name}`)).flatMap(({ inputs }) => Object.keys(inputs));

test('turbo runs neither build nor typecheck again after a change to a Markdown file', () => {
  expect(inputsOf('build')).toContain('src/index.ts');
  expect([...inputsOf('build'), ...inputsOf('typecheck')].filter((path) => path.endsWith('.md'))).toEqual([]);
});

test('turbo does not build a package again after a change to one of its test files', () => {
  expect(inputsOf('build').filter((path) => /\.test(-d)?\.ts$/.test(path))).toEqual([]);
});

test('turbo typechecks the broker again after a change to jwt-verify, which it imports', () => {
  const broker = tasks.find(({ taskId }) => taskId === '@valetkey/broker#typecheck');
  expect(broker?.dependencies).toContain('@valetkey/jwt-verify#sources');
});
