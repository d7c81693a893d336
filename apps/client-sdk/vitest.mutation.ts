import { defineConfig } from 'vitest/config';

// Stryker runs this in a copy of the package. The simulation is excluded: with it, more mutants would be found, but the
// run would take hours.
// oxlint-disable-next-line import/no-default-export
export default defineConfig({
  root: process.cwd(),
  resolve: { conditions: ['@valetkey/source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['@valetkey/source', 'node'] } },
  test: {
    include: ['src/session/*.test.ts'],
    exclude: ['**/session-simulation.test.ts'],
    testTimeout: 5000,
  },
});
