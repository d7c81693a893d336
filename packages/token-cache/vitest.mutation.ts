import { defineConfig } from 'vitest/config';

// Stryker runs this in a copy of the package. Tests with processes, private servers or thousands of seeds are excluded:
// with them, more mutants would be found, but the run would take days.
// oxlint-disable-next-line import/no-default-export
export default defineConfig({
  root: process.cwd(),
  resolve: { conditions: ['@valetkey/source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['@valetkey/source', 'node'] } },
  test: {
    include: ['src/*.test.ts', 'src/{cache,renewal,stores}/*.test.ts'],
    exclude: ['**/*.timing.test.ts', '**/{redis-processes,redis-outage,missing-redis,storm}.test.ts'],
    testTimeout: 5000,
  },
});
