// Bundles the `valetkey` command with the packages that it uses. A start from hundreds of files takes twice as long and more memory.
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { root } from '../workspace.ts';

const folder = join(root, 'apps/broker');

/** A bundled CommonJS package may still require what is not in the bundle, such as `pg-native`. */
const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/**
 * Writes `valetkey.js` and its chunks into `outdir`, and returns which files are in which chunk. What a source file imports with
 * `import()` stays in chunks of its own, which the command loads only when it is used.
 */
export async function bundleCommand(outdir: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: folder,
    entryPoints: ['src/cli/valetkey.ts'],
    outdir,
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    conditions: ['@valetkey/source'],
    // An operator installs the client of AWS beside the broker, if the configuration needs it, and the sandbox for `valetkey dev`.
    external: ['pg-native', '@aws-sdk/client-secrets-manager', '@valetkey/sandbox'],
    plugins: [builtinsWithoutFacade, oneLanguage, usedPartOfUndici],
    banner: { js: banner },
    // Names stay, for stack traces. A long line would fill the terminal with an unhandled error.
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 160,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  return metafile;
}

const builtins = new Set(builtinModules);

/**
 * Gets the modules of Node with `process.getBuiltinModule`. An `import` reads every export of a module, and `node:http` has exports
 * that load a WebSocket client when they are read.
 */
const builtinsWithoutFacade: Plugin = {
  name: 'builtins-without-facade',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(?:node:)?[a-z0-9_/]+$/ }, ({ path, kind }) => {
      const name = path.startsWith('node:') ? path : `node:${path}`;
      const isBuiltin = path.startsWith('node:') || builtins.has(path);
      return isBuiltin && kind !== 'entry-point' ? { path: name, namespace: 'builtin', sideEffects: false } : undefined;
    });
    onLoad({ filter: /^/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
      loader: 'js',
    }));
  },
};

/** Leaves out the messages of zod in other languages than English. */
const oneLanguage: Plugin = {
  name: 'one-language',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, ({ path }) => ({
      contents: "export { default as en } from './en.js';",
      loader: 'js',
      resolveDir: dirname(path),
    }));
  },
};

/** The parts of undici that the broker uses, by the name of their export. The build fails if a source file imports another part. */
const undiciParts = {
  Agent: 'lib/dispatcher/agent.js',
  Client: 'lib/dispatcher/client.js',
  Pool: 'lib/dispatcher/pool.js',
  ProxyAgent: 'lib/dispatcher/proxy-agent.js',
  errors: 'lib/core/errors.js',
};

/** Leaves out the parts of undici that the broker does not use. The package itself loads all of them: mocks, caches, WebSockets. */
const usedPartOfUndici: Plugin = {
  name: 'used-part-of-undici',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]undici[\\/]index\.js$/ }, ({ path }) => ({
      contents: [
        "import Dispatcher from './lib/dispatcher/dispatcher.js';",
        "import api from './lib/api/index.js';",
        "import web from './lib/web/fetch/index.js';",
        'Object.assign(Dispatcher.prototype, api);',
        'export const { fetch } = web;',
        ...Object.entries(undiciParts).map(([name, file]) => `export { default as ${name} } from './${file}';`),
      ].join('\n'),
      loader: 'js',
      resolveDir: dirname(path),
    }));
  },
};

/** Returns the folder of each package whose code is in a bundle, by the name of the package. */
export function listBundledPackages({ outputs }: Metafile): ReadonlyMap<string, string> {
  const inputs = Object.values(outputs).flatMap((output) => Object.keys(output.inputs));
  return new Map(
    inputs.flatMap((input) => {
      const [, start, name] = /^(.*\/node_modules\/)((?:@[^/]+\/)?[^/]+)\//.exec(input) ?? [];
      return start === undefined || name === undefined ? [] : [[name, join(folder, start, name)] as const];
    }),
  );
}
