import { defineConfig } from 'vitest/config';

// For Stryker, which runs a copy of this package from inside that copy. The runs of many processes, of private servers and
// of thousands of seeds would find more mutants, and take days to do so.
// oxlint-disable-next-line import/no-default-export
export default defineConfig({
  root: process.cwd(),
  resolve: { conditions: ['@valetkey/source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['@valetkey/source', 'node'] } },
  test: {
    include: ['src/*.test.ts'],
    exclude: ['redis-processes', 'redis-outage', 'missing-redis', 'storm'].map((name) => `src/${name}.test.ts`),
    testTimeout: 5000,
  },
});
