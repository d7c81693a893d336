import { defineConfig } from 'vitest/config';
import { base } from '../../tools/vitest.config.ts';

// `npx -y pnpm@12.18.0 --filter @valetkey/client-sdk test:coverage`: tests must run every line and every branch of the
// session engine.
// oxlint-disable-next-line import/no-default-export
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['apps/client-sdk/src/session/*.test.ts'],
    typecheck: { enabled: false },
    coverage: {
      enabled: true,
      provider: 'v8',
      include: ['apps/client-sdk/src/session/*.ts'],
      exclude: ['**/*.{test,soak}.ts', '**/{index,session-types,session-fetch,token-request,jwt-claims}.ts'],
      reporter: ['text'],
      reportsDirectory: 'apps/client-sdk/coverage',
      thresholds: { lines: 100, branches: 100 },
    },
  },
});
