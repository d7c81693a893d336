import { defineConfig } from 'vitest/config';

const conditions = ['@valetkey/source', 'node', 'import', 'default'];

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  resolve: { conditions },
  // These reach Node itself as well, where `import` must not: `require` would be given ES modules.
  ssr: { resolve: { conditions: ['@valetkey/source', 'node'] } },
  test: {
    include: ['{packages,apps}/*/src/**/*.test.ts', 'tools/**/*.test.ts'],
    typecheck: { enabled: true, tsconfig: 'tools/tsconfig.json', include: ['{packages,apps}/*/src/**/*.test-d.ts'] },
    // It remembers where dependencies lie, and an install moves them.
    fsModuleCache: false,
    restoreMocks: true,
    silent: 'passed-only',
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
