import { defineConfig } from 'vitest/config';
import { base } from '../../tools/vitest.config.ts';

// `npx -y pnpm@12.18.0 --filter @valetkey/token-cache test:coverage`
// Fails below 100 % of the lines and branches of the published code.
// oxlint-disable-next-line import/no-default-export
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['packages/token-cache/src/**/*.test.ts'],
    exclude: ['**/*.timing.test.ts', '**/redis-processes.test.ts'],
    typecheck: { enabled: false },
    coverage: {
      enabled: true,
      provider: 'v8',
      include: ['packages/token-cache/src/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.test-d.ts', '**/testing/**'],
      reporter: ['text', 'json-summary'],
      reportsDirectory: 'packages/token-cache/coverage',
      thresholds: { lines: 100, branches: 100, functions: 100, statements: 100 },
    },
  },
});
