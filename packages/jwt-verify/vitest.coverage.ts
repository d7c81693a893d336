import { defineConfig } from 'vitest/config';
import { base } from '../../tools/vitest.config.ts';

// `npx -y pnpm@12.18.0 --filter @valetkey/jwt-verify test:coverage`: tests must run every line and every branch of the published code.
// oxlint-disable-next-line import/no-default-export
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['packages/jwt-verify/src/**/*.test.ts'],
    typecheck: { enabled: false },
    coverage: {
      enabled: true,
      provider: 'v8',
      include: ['packages/jwt-verify/src/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.test-d.ts', '**/testing/**', '**/__fixtures__/**'],
      reporter: ['text'],
      reportsDirectory: 'packages/jwt-verify/coverage',
      thresholds: { lines: 100, branches: 100 },
    },
  },
});
