import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Problem, Repository } from './repository.ts';

/** Every package has a README that says why each dependency is there. */
export function checkReadmes({ root, packages }: Repository): Problem[] {
  return packages.flatMap(({ folder, manifest }) => {
    const readme = `${folder}/README.md`;
    if (!existsSync(join(root, readme))) return [{ place: folder, problem: 'has no README.md' }];
    const text = readFileSync(join(root, readme), 'utf8');
    return Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
      .filter((name) => !text.includes(name))
      .map((name) => ({ place: readme, problem: `does not say why ${name} is a dependency` }));
  });
}
