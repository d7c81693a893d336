import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { root } from './workspace.ts';

const conditions = ['@valetkey/source', 'node', 'import', 'default'];

const tests = ['{packages,apps}/*/{src,test}/**/*.test.ts', 'tools/**/*.test.ts'];
const timing = '{packages,apps}/*/{src,test}/**/*.timing.test.ts';
/** Dependencies, some of which bring their own tests. */
const dependencies = '**/node_modules/**';

/**
 * The test files that replace timers, modules or globals, or run in a document. What they leave behind, such as a library's
 * timer, ends with them.
 */
const replacing = globSync(tests, { cwd: root, exclude: [dependencies] }).filter((file) =>
  /\bvi\.\w|@vitest-environment/.test(readFileSync(join(root, file), 'utf8')),
);

/** The options that all test runs share. */
export const base = {
  root,
  resolve: { conditions },
  // Vitest passes these on to Node. `import` must be absent: it would make `require` load ES modules.
  ssr: { resolve: { conditions: ['@valetkey/source', 'node'] } },
  test: {
    // The cache stores the paths of dependencies, which an install changes.
    fsModuleCache: false,
    globalSetup: `${root}apps/broker/test/support/bundle-command.ts`,
    restoreMocks: true,
    silent: 'passed-only',
    // The command starts many times; its compiled code is kept between the starts.
    env: { NODE_COMPILE_CACHE: `${root}node_modules/.cache/compiled` },
    // These limits only end a test that hangs. On a busy machine, a test may take many times as long as usual.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
  },
} satisfies ViteUserConfig;

hideExperimentalWarning();

/** Hides vitest's warning that type tests are experimental. It recommends a pinned version, which the lock file has. */
function hideExperimentalWarning(): void {
  const write = process.stderr.write.bind(process.stderr);
  process.stderr.write = (chunk: string | Uint8Array, ...rest: never[]) => {
    if (!String(chunk).includes('Testing types with tsc')) return write(chunk, ...rest);
    process.stderr.write = write;
    return true;
  };
}

export default defineConfig({
  ...base,
  test: {
    ...base.test,
    // Four, even on a machine with one core: most tests wait for deadlines or for the processes that they start.
    maxWorkers: 4,
    projects: [
      // Starting a process and loading the modules takes longer than most files. The sources keep no state in their modules.
      {
        extends: true,
        test: {
          name: 'all',
          include: tests,
          exclude: [dependencies, timing, ...replacing],
          isolate: false,
          setupFiles: 'tools/testing/leave-no-trace.ts',
          typecheck: {
            enabled: true,
            tsconfig: 'tools/tsconfig.json',
            include: ['{packages,apps}/*/src/**/*.test-d.ts'],
          },
        },
      },
      { extends: true, test: { name: 'replacing', include: replacing, exclude: [dependencies, timing] } },
      // Tests that measure time run alone, after all others. The concurrent tests of a file all wait at once.
      {
        extends: true,
        test: {
          name: 'timing',
          include: [timing],
          exclude: [dependencies],
          maxWorkers: 1,
          maxConcurrency: 6,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
