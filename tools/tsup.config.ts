import { defineConfig } from 'tsup';

/** The `build` script of each package names its entries. `tsc` writes the declarations (tsconfig.build.json). */
export default defineConfig({
  format: 'esm',
  target: 'node22',
  clean: true,
  splitting: true,
  // `node:sqlite` cannot be imported without the prefix `node:`.
  removeNodeProtocol: false,
  dts: false,
});
