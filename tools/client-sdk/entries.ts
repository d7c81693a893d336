/**
 * The entries of the client SDK. Each is a file directly in `src/`, and `index` is the package itself. After a change, run
 * `pnpm generate`, which writes the entries into the package's manifest.
 */
export const clientEntries: readonly string[] = ['index', 'session', 'login', 'react'];

function exportOf(name: string, withSource: boolean): object {
  return {
    ...(withSource ? { '@valetkey/source': `./src/${name}.ts` } : {}),
    import: { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` },
    require: { types: `./dist/cjs/${name}.d.ts`, default: `./dist/cjs/${name}.js` },
    default: `./dist/${name}.js`,
  };
}

function listExports(withSource: boolean): object {
  const entries = clientEntries.map((name) => [name === 'index' ? '.' : `./${name}`, exportOf(name, withSource)]);
  return { ...Object.fromEntries(entries), './package.json': './package.json' };
}

/** Returns the files at the root of the package, for programs that do not read `exports`: `session.js` and `session.d.ts`. */
export function listRootFiles(): { readonly file: string; readonly content: string }[] {
  return clientEntries
    .filter((name) => name !== 'index')
    .flatMap((name) => {
      const target = `./dist/cjs/${name}.js`;
      return [
        { file: `${name}.js`, content: `module.exports = require('${target}');\n` },
        { file: `${name}.d.ts`, content: `export * from '${target}';\n` },
      ];
    });
}

/** Returns the manifest of the client SDK with the present entries. */
export function renderClientManifest(text: string): string {
  const manifest = JSON.parse(text) as { readonly publishConfig: object };
  return JSON.stringify({
    ...manifest,
    files: ['CHANGELOG.md', 'dist', ...listRootFiles().map(({ file }) => file), 'sbom.cdx.json'],
    exports: listExports(true),
    publishConfig: { ...manifest.publishConfig, exports: listExports(false) },
  });
}
