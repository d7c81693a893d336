import { secretSchema } from '@valetkey/core-types';
import { z } from 'zod';
import { parsePostgresUrl } from './postgres-url.ts';

/** The option `store`: a SQLite file or a PostgreSQL database. */
export const storeSchema = z.union([
  z.strictObject({
    sqlite: z
      .string()
      .min(1)
      .regex(/^(?!~[/\\]|~$|[A-Za-z][A-Za-z0-9+.-]+:)/, { error: 'must be a path; `~` and URLs are not resolved' })
      .describe('The path of a SQLite file. The broker creates the file and its folder if they are missing.'),
    synchronous: z
      .enum(['normal', 'full'])
      .optional()
      .describe(
        'What a recorded decision survives: `normal` the end of the process, also by `kill -9`; `full` also a power loss, because each response then waits for the disk. Default: `normal`.',
      ),
  }),
  z.strictObject({
    postgres: secretSchema
      .check(({ value, issues }) => {
        const address = parsePostgresUrl(value.reveal());
        if ('problem' in address) issues.push({ code: 'custom', input: undefined, message: address.problem });
      })
      .describe('The URL of a PostgreSQL database: `postgresql://user:password@host:5432/database`.'),
    maxConnections: z
      .int()
      .min(1)
      .optional()
      .describe('The maximum number of PostgreSQL connections that each broker opens. Default: 10.'),
    timeoutMs: z
      .int()
      .min(1)
      // A bound is needed: Node fires a timer at once if its delay exceeds 24 days.
      .max(600_000)
      .optional()
      .describe(
        'The longest time, in milliseconds, that a query waits for a connection, and again for the response. Default: 5000.',
      ),
  }),
]);
