import { defineConfig } from 'vitest/config';
import { base } from '../../tools/vitest.config.ts';

// `npx -y pnpm@12.18.0 --filter @valetkey/token-cache test:soak`: simulates many more seeds, and shares short
// lives for longer.
// oxlint-disable-next-line import/no-default-export
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['packages/token-cache/src/testing/**/*.{test,soak}.ts'],
    testTimeout: 600_000,
    env: { SEEDS: '100000' },
  },
});
