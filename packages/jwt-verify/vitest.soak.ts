import { defineConfig } from 'vitest/config';
import { base } from '../../tools/vitest.config.ts';

// `npx -y pnpm@12.18.0 --filter @valetkey/jwt-verify test:soak`: compares the verifiers on many more generated tokens.
// oxlint-disable-next-line import/no-default-export
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['packages/jwt-verify/src/**/differential.test.ts'],
    testTimeout: 600_000,
    env: { DIFFERENTIAL_RUNS: '100000' },
  },
});
