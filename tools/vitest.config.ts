import { defineConfig, type ViteUserConfig } from 'vitest/config';

const conditions = ['@valetkey/source', 'node', 'import', 'default'];

const timing = '{packages,apps}/*/{src,test}/**/*.timing.test.ts';

/** What all runs of the tests have in common. */
export const base = {
  root: new URL('..', import.meta.url).pathname,
  resolve: { conditions },
  // These reach Node itself as well, where `import` must not: `require` would be given ES modules.
  ssr: { resolve: { conditions: ['@valetkey/source', 'node'] } },
  test: {
    // It remembers where dependencies lie, and an install moves them.
    fsModuleCache: false,
    restoreMocks: true,
    silent: 'passed-only',
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
} satisfies ViteUserConfig;

export default defineConfig({
  ...base,
  test: {
    ...base.test,
    // Much of the time they wait, for deadlines and for one another's processes.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['{packages,apps}/*/{src,test}/**/*.test.ts', 'tools/**/*.test.ts'],
          exclude: [timing],
          typecheck: {
            enabled: true,
            tsconfig: 'tools/tsconfig.json',
            include: ['{packages,apps}/*/src/**/*.test-d.ts'],
          },
        },
      },
      // What takes the time of something has the machine to itself, once all others are through.
      { extends: true, test: { name: 'timing', include: [timing], maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
