import { defineConfig } from 'vitest/config';

/** For Stryker, which runs a copy of one package from inside that copy. */
export default defineConfig({
  root: process.cwd(),
  resolve: { conditions: ['@valetkey/source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['@valetkey/source', 'node'] } },
  test: {
    include: ['src/**/*.test.ts'],
    // Too slow to repeat for each mutant; what they find is found by others as well.
    exclude: ['**/node_modules/**', '**/{differential,hostile-provider,oidc-provider}.test.ts'],
    testTimeout: 10_000,
    isolate: false,
  },
});
