import { defineConfig } from 'tsup';

/** Entries are named by each package's `build` script; declarations come from `tsc` (tsconfig.build.json). */
export default defineConfig({
  format: 'esm',
  target: 'node22',
  clean: true,
  splitting: true,
  dts: false,
});
