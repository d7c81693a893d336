// Completes the packages of this checkout for a release, before their build: the manifests say where the sources are, the links of
// the READMEs lead there, and each package has a list of its dependencies (SBOM, in the format of CycloneDX). It changes files that
// git knows, so it runs only in a checkout of the release workflow, or of the rehearsal.
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listPackages, root } from '../workspace.ts';
import { describeRepository, makeLinksAbsolute, readRepositoryUrl } from './published-files.ts';

const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
const sources = { url: readRepositoryUrl(process.env), commit };
const isFolder = (path: string) => statSync(join(root, path)).isDirectory();

for (const { folder, manifest } of listPackages()) {
  const readme = join(root, folder, 'README.md');
  writeFileSync(readme, makeLinksAbsolute(readFileSync(readme, 'utf8'), folder, sources, isFolder));
  const text = JSON.stringify({ ...manifest, ...describeRepository(sources, folder) }, undefined, 2);
  writeFileSync(join(root, folder, 'package.json'), `${text}\n`);
  execFileSync(
    'pnpm',
    [
      'sbom',
      '--sbom-format',
      'cyclonedx',
      '--prod',
      '--filter',
      manifest.name,
      '--out',
      join(root, folder, 'sbom.cdx.json'),
    ],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  );
}
