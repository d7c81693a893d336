import { defineConfig } from 'vitest/config';

/** The configuration for Stryker, which runs in a copy of one package. */
export default defineConfig({
  root: process.cwd(),
  resolve: { conditions: ['@valetkey/source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['@valetkey/source', 'node'] } },
  test: {
    include: ['src/**/*.test.ts'],
    // These are too slow to run for each mutant, and other tests find the same mistakes.
    exclude: ['**/node_modules/**', '**/{differential,hostile-provider,oidc-provider}.test.ts'],
    testTimeout: 10_000,
    isolate: false,
  },
});
