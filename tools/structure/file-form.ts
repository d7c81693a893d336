import { basename } from 'node:path';
import type { Problem, Repository } from './repository.ts';
import { countCodeLines } from './source-file.ts';

const maxCodeLines = 250;

const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.((e2e|timing)\.test|test|test-d|soak|config))?\.tsx?$/;

/** A file can be parsed, has a kebab-case name, and is short unless it is a test. */
export function checkFileForm({ packages }: Repository): Problem[] {
  const problems: Problem[] = [];
  for (const file of packages.flatMap(({ files }) => files)) {
    const report = (problem: string) => problems.push({ place: file.path, problem });
    if (!file.isParsable) report('cannot be parsed');
    if (!kebabCase.test(basename(file.path))) report('has a name that is not kebab-case');
    const lines = countCodeLines(file);
    if (!file.isTest && lines > maxCodeLines)
      report(`has ${lines} lines of code; split it, the limit is ${maxCodeLines}`);
  }
  return problems;
}
