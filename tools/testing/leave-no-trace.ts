import { deepStrictEqual } from 'node:assert';
import { afterAll } from 'vitest';

/** Returns by name what a test file could change for the files that run after it in the same process. */
function readProcess(): ReadonlyMap<string, unknown> {
  const { fetch, setTimeout, setInterval, setImmediate, queueMicrotask, Date } = globalThis;
  const functions = { fetch, setTimeout, setInterval, setImmediate, queueMicrotask, Date };
  // Libraries keep their own state under names with underscores.
  const globals = Object.getOwnPropertyNames(globalThis).filter((name) => !name.startsWith('__'));
  return new Map<string, unknown>([
    ['process.cwd()', process.cwd()],
    ['process.exitCode', process.exitCode],
    ['Date.now', Date.now],
    ['Math.random', Math.random],
    ...Object.entries(process.env).map(([name, value]) => [`process.env.${name}`, value] as const),
    ...globals.map((name) => [`globalThis.${name}`, true] as const),
    ...Object.entries(functions),
    ...['uncaughtException', 'unhandledRejection'].map((name) => [name, process.listenerCount(name)] as const),
  ]);
}

const before = readProcess();

// Fails a test file that does not leave its process as it found it. The names alone, because a variable may be a secret.
afterAll(() => {
  const after = readProcess();
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => before.get(name) !== after.get(name),
  );
  deepStrictEqual(changed, [], 'The test file must restore what it changed in its process.');
});
