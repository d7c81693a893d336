import { basename } from 'node:path';
import type { Problem, Repository } from './repository.ts';
import { countCodeLines } from './source-file.ts';

const maxCodeLines = 250;

const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.((e2e|timing)\.test|test|test-d|soak|config|recipe(-parts)?))?\.tsx?$/;

/** Reports each file that cannot be parsed or has no kebab-case name, and each long file that is not a test. */
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
