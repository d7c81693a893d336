import { afterAll, expect } from 'vitest';

/** Returns what a test file could change for the files that run after it in the same process. */
function readProcess() {
  const { fetch, setTimeout, setInterval, setImmediate, queueMicrotask, Date } = globalThis;
  return {
    folder: process.cwd(),
    environment: { ...process.env },
    // Libraries keep their own state under names with underscores.
    globals: Object.getOwnPropertyNames(globalThis).filter((name) => !name.startsWith('__')),
    functions: { fetch, setTimeout, setInterval, setImmediate, queueMicrotask, Date, now: Date.now, random: Math.random },
    uncaughtListeners: process.listeners('uncaughtException'),
    rejectionListeners: process.listeners('unhandledRejection'),
  };
}

const before = readProcess();

afterAll(() => expect(readProcess(), 'The test file must leave its process as it found it').toEqual(before));
