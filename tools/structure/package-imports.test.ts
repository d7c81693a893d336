import { expect, test } from 'vitest';
import { createRepository } from '../testing/tree.ts';
import { checkPackageImports } from './package-imports.ts';

const manifest = (name: string, dependencies: Record<string, string> = {}) =>
  JSON.stringify({ name: `@valetkey/${name}`, dependencies });

const check = (files: Readonly<Record<string, string>>) =>
  checkPackageImports(createRepository(files)).map(({ place, problem }) => `${place}: ${problem}`);

test('reports an import of a package that is not allowed, in any form of import', () => {
  const text = `
    import type { Cache } from '@valetkey/token-cache';
    export type Verifier = import('@valetkey/jwt-verify').JwtVerifier;
    export type { Issuer } from '@valetkey/core-types/wire';`;
  expect(check({ 'packages/vendor-clients/src/a.ts': text })).toEqual([
    'packages/vendor-clients/src/a.ts: must not import @valetkey/token-cache',
    'packages/vendor-clients/src/a.ts: must not import @valetkey/jwt-verify',
  ]);
});

test('allows a dynamic import of the sandbox in dev.ts of the broker, and in no other file', () => {
  const load = "export const load = () => import('@valetkey/sandbox');";
  const files = {
    'apps/broker/package.json': manifest('broker', { '@valetkey/sandbox': '*' }),
    'apps/broker/src/cli/dev.ts': load,
    'apps/broker/src/server.ts': load,
  };
  expect(check(files)).toEqual(['apps/broker/src/server.ts: must not import @valetkey/sandbox']);
});

test('reports an import that package.json does not declare, unless it is a type import or a module of Node', () => {
  const files = {
    'packages/token-cache/package.json': manifest('token-cache', { zod: '*' }),
    'packages/token-cache/src/a.ts':
      "import 'node:fs'; import 'zod/v4'; import type { P } from 'pino'; import 'redis/client';",
    'packages/token-cache/src/a.test.ts': "import 'vitest';",
  };
  expect(check(files)).toEqual(['packages/token-cache/src/a.ts: imports redis, which package.json does not declare']);
});

test('reports a dependency that no file imports, unless a dependency of ours needs it as its peer', () => {
  const files = {
    'packages/token-cache/package.json': JSON.stringify({
      name: '@valetkey/token-cache',
      peerDependencies: { redis: '*' },
    }),
    'apps/broker/package.json': manifest('broker', { '@valetkey/token-cache': '*', redis: '*', yaml: '*' }),
    'apps/broker/src/a.ts': "import '@valetkey/token-cache';",
  };
  expect(check(files)).toEqual(['apps/broker: declares yaml but never imports it']);
});

test('reports run-time imports of the client SDK and imports of core-types other than zod', () => {
  const files = {
    'packages/core-types/package.json': manifest('core-types', { zod: '*' }),
    'packages/core-types/src/a.ts': "import 'zod'; import 'node:crypto';",
    'apps/client-sdk/src/a.ts': "import type { W } from '@valetkey/core-types/wire'; import 'node:fs';",
  };
  expect(check(files)).toEqual([
    'packages/core-types/src/a.ts: imports node:crypto; core-types imports only zod',
    'apps/client-sdk/src/a.ts: imports node:fs at run time, which no file of this folder may',
  ]);
});

test('allows oauth4webapi in the sign-in of the client SDK, and in no other folder of it', () => {
  const files = {
    'apps/client-sdk/package.json': manifest('client-sdk', { oauth4webapi: '*' }),
    'apps/client-sdk/src/login/a.ts': "import 'oauth4webapi'; import type { W } from '../a.ts';",
    'apps/client-sdk/src/session/a.ts': "import 'oauth4webapi';",
    'apps/client-sdk/src/a.ts': "import 'oauth4webapi';",
  };
  expect(check(files)).toEqual([
    'apps/client-sdk/src/a.ts: imports oauth4webapi at run time, which no file of this folder may',
    'apps/client-sdk/src/session/a.ts: imports oauth4webapi at run time, which no file of this folder may',
  ]);
});
