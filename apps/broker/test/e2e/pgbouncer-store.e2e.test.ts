import { describe } from 'vitest';
import { createPostgresStore } from '../../src/storage/postgres-store.ts';
import { isPgBouncerAvailable, startPgBouncer } from '../support/pgbouncer.ts';
import { createPostgresSchema, isPostgresAvailable, postgresServerUrl } from '../support/postgres-server.ts';
import { testFollowedChanges } from '../support/shared-store-suite.ts';

const isAvailable = (await isPostgresAvailable()) && (await isPgBouncerAvailable());

describe.skipIf(!isAvailable)(
  'two processes that share one PostgreSQL database through PgBouncer in statement mode',
  { timeout: 60_000 },
  () => {
    testFollowedChanges(async () => {
      const pooler = await startPgBouncer(postgresServerUrl, 'statement');
      const schema = await createPostgresSchema();
      const url = new URL(pooler.url);
      url.search = new URL(schema.url).search;
      const drop = async () => {
        await schema.drop();
        await pooler[Symbol.asyncDispose]();
      };
      return { config: { postgres: url.href }, open: () => createPostgresStore({ url: url.href }), drop };
    });
  },
);
