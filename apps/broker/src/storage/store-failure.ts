/** What an operator should know about a failure of the store. */
export interface StoreFailure {
  /**
   * What the failure concerns. `server`: no operation can work, so any later success ends the failure. `write`: only reads
   * can work. `operation`: other operations can work.
   */
  readonly scope: 'server' | 'write' | 'operation';
  readonly detail: string;
  readonly advice: string;
}

/** The code of a database whose tables are missing, while its role may not create them. */
export const migrationRequired = 'MIGRATION_REQUIRED';

/** The code of a database whose users are other principals than the configuration says. */
export const principalsChanged = 'PRINCIPALS_CHANGED';

/** The code of a server that refuses a parameter in the URL. */
export const settingRefused = 'SETTING_REFUSED';

/** PostgreSQL's SQLSTATE for a write to a replica or in a read-only session. */
export const readOnly = '25006';

const unreachable = 'Check the host and port under `store`, and that the server runs.';

/** The failures by the codes that they begin with: SQLSTATEs of PostgreSQL, codes of SQLite and of the system. */
const failures: readonly (readonly [RegExp, StoreFailure['scope'], string, string])[] = [
  [/^ECONNREFUSED$/, 'server', 'No server accepts connections at the address.', unreachable],
  [
    /^(ENOTFOUND|EAI_AGAIN)$/,
    'server',
    'The host name cannot be resolved.',
    'Check the host under `store` and the DNS.',
  ],
  [/^(ENOENT|EACCES)$/, 'server', 'The socket or a file of the connection cannot be used.', unreachable],
  [
    /^(E(HOST|NET)UNREACH|ETIMEDOUT|ECONNRESET|EPIPE|no_answer)$/,
    'server',
    'The server does not respond, or the connection broke.',
    `${unreachable} A slow server needs a greater \`store.timeoutMs\`.`,
  ],
  [
    /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/,
    'server',
    'The TLS connection cannot be trusted.',
    'Name the certificate of the authority with `sslrootcert` in the URL, and check that the host is in the certificate.',
  ],
  [
    /^TLS_UNSUPPORTED$/,
    'server',
    'The server does not offer TLS.',
    'Enable TLS at the server, or remove `sslmode` from the URL if the network is private.',
  ],
  [/^NOT_POSTGRES$/, 'server', 'The server is no PostgreSQL server.', 'Check the host and port in `store.postgres`.'],
  [
    /^CLOSED$/,
    'server',
    'The server or a program before it ended the connection.',
    `${unreachable} If this repeats, another kind of server may have the port.`,
  ],
  [
    /^08P01$/,
    'server',
    'The server or the pooler before it refused the session.',
    "Read the pooler's log: it uses this code for a wrong password or database, a full pool and unsupported parameters. Unset PGOPTIONS.",
  ],
  [/^08/, 'server', 'The connection to the server failed.', unreachable],
  [
    /^28000$/,
    'server',
    'The server does not know the role, the role may not log in, or pg_hba.conf refuses the connection.',
    'Check the user in `store.postgres`, and pg_hba.conf. If it has only `hostssl` lines for the broker, add `sslmode=verify-full` to the URL.',
  ],
  [
    /^28/,
    'server',
    'The server refuses the role or its password.',
    'Check the user and password in `store.postgres`, and pg_hba.conf.',
  ],
  [
    /^SETTING_REFUSED$/,
    'server',
    'The server refuses a parameter in the URL.',
    'Check the names and values of `options` and of the timeouts in `store.postgres`, and whether the role may set them.',
  ],
  [
    /^55000$/,
    'server',
    'The database accepts no connections.',
    'Name another database in `store.postgres`, or alter it with ALLOW_CONNECTIONS true.',
  ],
  [/^3D000$/, 'server', 'The database does not exist.', 'Check the database in `store.postgres`, or create it.'],
  [
    /^3F000$/,
    'server',
    'No schema of the search path exists.',
    'Create the schema, or correct `search_path` in `store.postgres` or of the role.',
  ],
  [
    /^(22P05|22021)$/,
    'operation',
    'The encoding of the database lacks a character.',
    'Use a database with the encoding UTF8.',
  ],
  [
    /^55000$/,
    'server',
    'The database accepts no connections.',
    'Permit connections with ALTER DATABASE … ALLOW_CONNECTIONS true.',
  ],
  [
    /^42501$/,
    'operation',
    'The role lacks a privilege, or a row-level security policy hides rows from it.',
    'Grant the role CONNECT on the database, USAGE on the schema, and SELECT, INSERT, UPDATE and DELETE on the tables. Disable row-level security on the tables, or give the role BYPASSRLS.',
  ],
  [
    /^MIGRATION_REQUIRED$/,
    'server',
    'Tables or columns are missing, and the role may not create them.',
    'Run `valetkey migrate` with a role that may create tables and owns those that exist, and grant the broker SELECT, INSERT, UPDATE and DELETE on them.',
  ],
  [
    /^PRINCIPALS_CHANGED$/,
    'server',
    'With this configuration, stored users would become other principals.',
    'Run `valetkey doctor`, which says what to do about each issuer.',
  ],
  [
    /^(42P01|42703|42P10)$/,
    'operation',
    'A table, a column or a key of the broker is missing.',
    'Run `valetkey migrate`. If that does not help, another program made or changed the tables.',
  ],
  [/^53100$/, 'write', 'The disk of the server is full.', 'Give the server space.'],
  [
    /^53300$/,
    'server',
    'The server has no free connection.',
    'Lower `store.maxConnections`, raise max_connections or the CONNECTION LIMIT of the role or database, or use a pooler.',
  ],
  [/^53/, 'server', 'The server lacks resources.', 'Give the server memory or space.'],
  [
    /^25006$/,
    'write',
    'The server accepts no writes: it is a replica, or the session is read-only.',
    'Let the host in `store.postgres` lead to the primary, and check default_transaction_read_only.',
  ],
  [/^57P0[1-5]$/, 'server', 'The server is starting, stopping or was restarted.', 'Wait until the server runs.'],
  [
    /^(57014|55P03)$/,
    'operation',
    'A statement took too long, probably because it waited for a lock.',
    'Look for long transactions and locks at the server.',
  ],
  [
    /^40/,
    'operation',
    'The server ended the transaction because of a concurrent one.',
    'Look for locks at the server.',
  ],
  [/^(58|XX)/, 'operation', 'The server reports an internal error.', "Read the server's log."],
  [/^sqlite_5$/, 'write', 'Another process has locked the file.', 'End the process that holds a transaction open.'],
  [
    /^(sqlite_8|sqlite_\d*08)$/,
    'write',
    'The file may only be read.',
    'Give the broker the right to write the file and its folder.',
  ],
  [/^sqlite_10$/, 'write', 'The disk reports an error.', 'Check the disk of `store.sqlite`.'],
  [/^sqlite_13$/, 'write', 'The disk is full.', 'Give the disk of `store.sqlite` space.'],
  [/^sqlite_(11|26)$/, 'server', 'The file is damaged or no SQLite database.', 'Restore a backup of `store.sqlite`.'],
  [
    /^FILE_REPLACED$/,
    'write',
    'The file or its write-ahead log was removed or replaced while the broker ran.',
    'Restore the file, or restart the broker to use the new one.',
  ],
];

/** Returns what the code of a failure means. */
export function describeStoreFailure(reason: string): StoreFailure {
  for (const [pattern, scope, detail, advice] of failures) {
    if (pattern.test(reason)) return { scope, detail, advice };
  }
  return {
    scope: 'operation',
    detail: 'The database failed.',
    advice:
      'Check `store` in the configuration. The database must be reachable, and the broker must be allowed to write.',
  };
}

/**
 * Returns whether the code tells that this connection leads to a server which cannot serve the broker now, while a new
 * connection may lead to another server.
 */
export function isRoleFailure(reason: unknown): boolean {
  return typeof reason === 'string' && /^(25006|57P0[1-5]|08)/.test(reason);
}
