import { defineConfig } from 'vitest/config';
import { base } from './vitest.config.ts';

/** Tests that take minutes, or a machine of their own: `*.soak.ts`. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['{packages,apps}/*/{src,test}/**/*.soak.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
  },
});
