import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import type { TestProject } from 'vitest/node';

const broker = fileURLToPath(new URL('../../', import.meta.url));
/** In the broker's `node_modules`, so that the command finds the packages that it looks for by name. */
const folder = `${broker}node_modules/.cache/command`;
const entry = 'command.js';

/** A bundled CommonJS package still requires the modules of Node. */
const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/** Replaces the bundle file by file, the entry last, so that another run of the tests never reads half a bundle. */
async function bundleCommand(): Promise<void> {
  const fresh = `${folder}-${process.pid}`;
  await build({
    entry: [`${broker}src/cli/command.ts`],
    outDir: fresh,
    config: false,
    silent: true,
    format: 'esm',
    target: 'node24',
    splitting: true,
    removeNodeProtocol: false,
    noExternal: [/./],
    banner: { js: banner },
    esbuildOptions: (options) => {
      options.conditions = ['@valetkey/source'];
    },
  });
  await mkdir(folder, { recursive: true });
  const chunks = (await readdir(fresh)).filter((file) => file !== entry);
  for (const file of [...chunks, entry]) await rename(`${fresh}/${file}`, `${folder}/${file}`);
  await rm(fresh, { recursive: true });
}

/** Bundles the `valetkey` command once. Tests start it hundreds of times, and most of a start from the source loads modules. */
export async function setup(project: TestProject): Promise<void> {
  await bundleCommand();
  project.provide('commandFile', `${folder}/${entry}`);
  project.onTestsRerun(bundleCommand);
}
