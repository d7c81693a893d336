import { defineConfig } from 'vitest/config';
import { base } from '../../tools/vitest.config.ts';

// `npx -y pnpm@12.18.0 --filter @valetkey/client-sdk test:soak`: simulates many more sessions, and drives a browser.
// oxlint-disable-next-line import/no-default-export
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['apps/client-sdk/src/**/*.soak.ts', 'tools/clients/*.soak.ts'],
    testTimeout: 600_000,
  },
});
