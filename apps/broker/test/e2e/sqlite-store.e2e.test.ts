import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect } from 'vitest';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import { testSharedStore } from '../support/shared-store-suite.ts';

describe('two processes that share one SQLite file', { timeout: 60_000 }, () => {
  testSharedStore(async (folder) => {
    const path = join(folder, 'data', 'valetkey.sqlite');
    const verify = () => {
      const database = new DatabaseSync(path, { readOnly: true });
      expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
      database.close();
    };
    return { config: { sqlite: path }, open: () => createSqliteStore(path), verify };
  });
});
