import { expect, test } from 'vitest';
import type { RoomPlan } from '../rooms.ts';
import { createRepository } from '../testing/tree.ts';
import { checkRoomOrder } from './room-order.ts';

const plan: RoomPlan = { levels: [['http'], ['vendors/*', 'audit'], ['storage']], words: ['words.ts'] };

/** Checks a package with all rooms of the plan, each with one empty file, and with the files of the test. */
const check = (files: Readonly<Record<string, string>>) => {
  const rooms = { 'http/server.ts': '', 'vendors/acme.ts': '', 'audit/audit.ts': '', 'storage/store.ts': '' };
  const paths = Object.entries({ ...rooms, ...files }).map(([path, text]) => [`packages/acme/src/${path}`, text]);
  return checkRoomOrder(createRepository(Object.fromEntries(paths)), { acme: plan });
};

test('accepts imports of the own room, of lower rooms and of words, and every import of tests and of files directly in src/', () => {
  const problems = check({
    'http/server.ts': "import './routes.ts'; import '../storage/store.ts'; import type { W } from '../words.ts';",
    'http/routes.ts': "import '../vendors/acme.ts'; import 'fastify';",
    'vendors/acme/users.ts': "import '../acme.ts';",
    'index.ts': "import './http/server.ts'; import './storage/store.ts'; import './words.ts';",
    'words.ts': '',
    'storage/store.test.ts': "import '../http/server.ts'; import '../index.ts';",
    'testing/harness.ts': "import '../http/server.ts';",
  });
  expect(problems).toEqual([]);
});

test.each([
  ['a higher room', 'storage/store.ts', '../http/server.ts', 'the room storage must not import http'],
  ['a room of the same level', 'audit/audit.ts', '../vendors/acme.ts', 'the room audit must not import vendors/acme'],
  ['another vendor', 'vendors/other/other.ts', '../acme.ts', 'the room vendors/other must not import vendors/acme'],
  ['a file directly in src/', 'http/server.ts', '../index.ts', 'the room http must not import a file directly in src/'],
  ['a folder that is no room', 'http/server.ts', '../misc/misc.ts', 'its target is in no room'],
])('reports an import of %s', (_name, path, specifier, problem) => {
  const problems = check({ [path]: `import type { T } from '${specifier}';` });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatchObject({ place: `packages/acme/src/${path}` });
  expect(problems[0]?.problem).toContain(`imports ${specifier}: ${problem}`);
});

test('a room of programs may import files directly in src/', () => {
  const files = { 'packages/acme/src/http/server.ts': "import '../index.ts';", 'packages/acme/src/index.ts': '' };
  const programs: RoomPlan = { levels: [['http']], words: [], programs: ['http'] };
  expect(checkRoomOrder(createRepository(files), { acme: programs })).toEqual([]);
});

test('reports a folder that the plan does not declare', () => {
  expect(check({ 'misc/misc.ts': '' })).toEqual([
    { place: 'packages/acme/src/misc/misc.ts', problem: 'is in no room that tools/rooms.ts declares' },
  ]);
});

test('reports a declared room that has no folder', () => {
  const repository = createRepository({ 'packages/acme/src/http/server.ts': '' });
  expect(checkRoomOrder(repository, { acme: plan }).map(({ problem }) => problem)).toEqual([
    'has no room vendors/*, which tools/rooms.ts declares',
    'has no room audit, which tools/rooms.ts declares',
    'has no room storage, which tools/rooms.ts declares',
  ]);
});
