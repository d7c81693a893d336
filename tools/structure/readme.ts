import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Problem, Repository } from './repository.ts';

/** Reports each package without a README, each dependency without a reason there, and a missing version of Node. */
export function checkReadmes({ root, packages }: Repository): Problem[] {
  return packages.flatMap(({ folder, manifest }) => {
    const readme = `${folder}/README.md`;
    if (!existsSync(join(root, readme))) return [{ place: folder, problem: 'has no README.md' }];
    const text = readFileSync(join(root, readme), 'utf8');
    const explained = listExplained(text);
    const node = manifest.engines?.node?.replace('>=', '');
    const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    return [
      ...(node === undefined || text.includes(`needs Node ${node} or later`)
        ? []
        : [`does not say "needs Node ${node} or later"`]),
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
