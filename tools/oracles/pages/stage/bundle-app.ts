import { build } from 'esbuild';
import { root } from '../../../workspace.ts';

/** Bundles the code of an app with the SDKs that it imports, as they are published. */
export async function bundleApp(code: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: `${root}tools/oracles`, loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['@valetkey/source', 'module'],
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
    logLevel: 'error',
  });
  return outputFiles.map(({ text }) => text).join('');
}
