import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Problem, Repository } from './repository.ts';

/** Reports each package without a README, and each dependency that its README does not name. */
export function checkReadmes({ root, packages }: Repository): Problem[] {
  return packages.flatMap(({ folder, manifest }) => {
    const readme = `${folder}/README.md`;
    if (!existsSync(join(root, readme))) return [{ place: folder, problem: 'has no README.md' }];
    const text = readFileSync(join(root, readme), 'utf8');
    return Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
      .filter((name) => !text.includes(name))
      .map((name) => ({ place: readme, problem: `does not name the dependency ${name}` }));
  });
}
