import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Problem, Repository } from './repository.ts';

/** Reports each package without a README, and each dependency for which its README gives no reason. */
export function checkReadmes({ root, packages }: Repository): Problem[] {
  return packages.flatMap(({ folder, manifest }) => {
    const readme = `${folder}/README.md`;
    if (!existsSync(join(root, readme))) return [{ place: folder, problem: 'has no README.md' }];
    const explained = listExplained(readFileSync(join(root, readme), 'utf8'));
    const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    return [
      ...dependencies
        .filter((name) => !explained.includes(name))
        .map((name) => `gives no reason for the dependency ${name} under "Dependencies"`),
      ...explained.filter((name) => !dependencies.includes(name)).map((name) => `explains ${name}, no dependency`),
    ].map((problem) => ({ place: readme, problem }));
  });
}

/** Returns the names that begin an item or a table row of the section "Dependencies" and are followed by a reason. */
function listExplained(text: string): string[] {
  const [, section = ''] = text.split(/^## Dependencies$/m);
  return [...section.matchAll(/^(?:- `([^`]+)`: \S|\| `([^`]+)` +\| [^ |])/gm)].map(
    ([, item, cell]) => item ?? cell ?? '',
  );
}
