import { defineConfig } from 'tsup';

/** Entries are named by each package's `build` script; declarations come from `tsc` (tsconfig.build.json). */
export default defineConfig({
  format: 'esm',
  target: 'node22',
  clean: true,
  splitting: true,
  // `node:sqlite` has no name without its prefix.
  removeNodeProtocol: false,
  dts: false,
});
