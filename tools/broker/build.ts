// Builds the `valetkey` command: `node ../../tools/broker/build.ts` in the folder of the broker, after its library.
// `dist/cli` has one file for the command, the chunks that it loads when it needs them, and the licences of the packages in them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../workspace.ts';
import { bundleCommand, listBundledPackages } from './command-bundle.ts';

const dist = join(root, 'apps/broker/dist/cli');
const packages = listBundledPackages(await bundleCommand(dist));
const notices = [...packages].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(describeLicense);
writeFileSync(
  join(dist, 'LICENSES.txt'),
  `The files in this folder contain code of these packages.\n\n${notices.join('\n\n')}\n`,
);

/** Returns the name, the version and the licence of a package. Fails if the package has no licence. */
function describeLicense([name, folder]: readonly [string, string]): string {
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  if (typeof license !== 'string') throw new Error(`${folder}/package.json names no licence.`);
  const files = readdirSync(folder).filter((file) => /^(?:licen[cs]e|copying|notice)/i.test(file));
  const texts = files.toSorted().map((file) => readFileSync(join(folder, file), 'utf8').trim());
  return ['-'.repeat(80), `${name} ${String(version)} (${license})`, ...texts].join('\n\n');
}
