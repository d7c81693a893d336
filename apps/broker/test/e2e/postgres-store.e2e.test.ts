import { describe } from 'vitest';
import { createPostgresStore } from '../../src/storage/postgres-store.ts';
import { createPostgresSchema, isPostgresAvailable } from '../support/postgres-server.ts';
import { testSharedStore } from '../support/shared-store-suite.ts';

describe.skipIf(!(await isPostgresAvailable()))(
  'two processes that share one PostgreSQL database',
  { timeout: 60_000 },
  () => {
    testSharedStore(async () => {
      const { url, drop } = await createPostgresSchema();
      return { config: { postgres: url }, open: () => createPostgresStore({ url }), drop };
    });
  },
);
