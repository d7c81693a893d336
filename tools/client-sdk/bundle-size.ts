import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { buildSync } from 'esbuild';
import { root } from '../workspace.ts';

/** The size of code as an app downloads it. */
export interface BundleSize {
  readonly minifiedBytes: number;
  readonly brotliBytes: number;
}

/** Bundles an ES module as a production build does: unused exports are left out. */
export function measureBundle(code: string, folder = join(root, 'apps/client-sdk/src')): BundleSize {
  const { outputFiles } = buildSync({
    stdin: { contents: code, resolveDir: folder, loader: 'ts' },
    conditions: ['browser'],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external: ['react'],
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
    logLevel: 'error',
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error('esbuild wrote no file.');
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  return { minifiedBytes: file.contents.length, brotliBytes: brotliCompressSync(file.contents, { params }).length };
}

/** A use of the package, with the code that imports what it needs. */
export interface PackageUse {
  readonly name: string;
  readonly code: string;
}

const client = "export { createValetClient } from './index.ts';";
const withClient = (name: string, exports: string, from = './index.ts'): PackageUse => ({
  name,
  code: `${client} export { ${exports} } from '${from}';`,
});

/** The uses whose sizes `bench sdk` reports and `bundle-size.test.ts` bounds. */
export const packageUses: readonly PackageUse[] = [
  { name: '`createValetClient` alone', code: client },
  withClient('client and Nabla', 'nablaSessionTokens'),
  withClient('client and Nudge', 'nudgeRefreshToken'),
  withClient('client and Nymbl', 'nymblFetch'),
  withClient('client and Authgear', 'authgearAppToken'),
  withClient('client and Vital (`vitalSignInToken`)', 'vitalSignInToken'),
  withClient('client and Vital (`vitalReconcile`)', 'vitalReconcile'),
  withClient('client and Vital session', 'createVitalSession', './session.ts'),
  withClient('client and Nabla session', 'createNablaSession', './session.ts'),
  withClient('client and OpenID sign-in', 'createLogin', './login.ts'),
  {
    name: 'everything',
    code: ['index', 'session', 'login', 'react']
      .map((path, index) => `export * as entry${index} from './${path}.ts';`)
      .join(''),
  },
];
