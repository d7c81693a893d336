import { defineConfig } from 'vitest/config';
import { base } from './vitest.config.ts';

/** Runs `*.soak.ts`: tests that take minutes or need an idle machine. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['{packages,apps}/*/{src,test}/**/*.soak.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
  },
});
