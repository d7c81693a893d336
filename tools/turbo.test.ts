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

test('a change of a page does not repeat the build or the check of types', () => {
  expect(inputsOf('build')).toContain('src/index.ts');
  expect([...inputsOf('build'), ...inputsOf('typecheck')].filter((path) => path.endsWith('.md'))).toEqual([]);
});

test('a change of a test does not repeat the build of its package', () => {
  expect(inputsOf('build').filter((path) => /\.test(-d)?\.ts$/.test(path))).toEqual([]);
});

test('a change of a package repeats the check of types of the packages that import it', () => {
  const broker = tasks.find(({ taskId }) => taskId === '@valetkey/broker#typecheck');
  expect(broker?.dependencies).toContain('@valetkey/jwt-verify#sources');
});
