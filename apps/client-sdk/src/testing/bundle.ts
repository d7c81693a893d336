import { buildSync } from 'esbuild';

/**
 * Bundles an entry of the package with everything that it imports: as an ES module, and as a script that defines `sdk`.
 * `entry` is its path in `src/`.
 */
export function bundleEntry(
  entry: string,
  { minify = false } = {},
): { readonly module: string; readonly script: string } {
  const build = (format: 'esm' | 'iife') => {
    const { outputFiles } = buildSync({
      entryPoints: [new URL(`../${entry}`, import.meta.url).pathname],
      bundle: true,
      minify,
      format,
      globalName: 'sdk',
      platform: 'neutral',
      target: 'es2022',
      write: false,
    });
    return outputFiles[0]?.text ?? '';
  };
  return { module: build('esm'), script: build('iife') };
}
