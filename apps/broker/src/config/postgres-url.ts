import { codeOfForeignError } from '@valetkey/core-types';
import type { ClientConfig } from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';

/** A parsed PostgreSQL URL. */
export interface PostgresAddress {
  /** The server, the role, the database and TLS, as `pg` accepts them. */
  readonly client: ClientConfig;
  /** The parameters that the URL sets for its sessions, such as `search_path`. */
  readonly settings: readonly PostgresSetting[];
}

export type PostgresSetting = readonly [name: string, value: string];

/** The fields of a URL that the broker passes to `pg`. Any other field could change the broker's own settings of `pg`. */
const clientFields = [
  'host',
  'port',
  'user',
  'password',
  'database',
  'ssl',
  'sslnegotiation',
  'application_name',
  'fallback_application_name',
] as const;

/** Fields that `pg` would send at the start of a session. Poolers such as PgBouncer refuse a session with them. */
const settingFields = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'] as const;

/** Names that other clients use for the schema. `pg` ignores them, so that the tables would be created in another schema. */
const schemaFields = ['schema', 'currentSchema', 'search_path'];

/**
 * A `/`, `?` or `#` in the user or password, which ends the host: the part before `@` would be the host and port.
 * Parameters may contain `@`.
 */
const unencodedUser = /^\w+:\/\/[^@/?#]+(?:\/[^?#]*@|\?[^=&#]*@|[^#]*#.*@)/;

const wrongShape = 'must be like postgresql://user:password@host:5432/database';

/**
 * Parses the URL of a PostgreSQL database with the parser of `pg`, so that it accepts every spelling that `pg` accepts. For a URL
 * that it refuses, returns a description of the problem, which quotes nothing of the URL.
 */
export function parsePostgresUrl(text: string): PostgresAddress | { readonly problem: string } {
  // The parser accepts a URL of any other scheme too, as if it were a PostgreSQL URL.
  if (!/^(postgres(ql)?:\/\/|socket:|\/)/i.test(text)) return { problem: wrongShape };
  if (unencodedUser.test(text))
    return { problem: 'must have the user and password percent-encoded, such as %23 for #' };
  let parsed: Record<string, unknown>;
  try {
    parsed = { ...parseIntoClientConfig(text) };
  } catch (error) {
    return { problem: describeParserError(error, text) };
  }
  const host = String(parsed['host'] ?? '');
  if (!host.startsWith('/') && host.includes(','))
    return { problem: 'names several hosts; name one address, which leads to the primary' };
  if (parsed['replication'] !== undefined) return { problem: 'must not have the parameter replication' };
  const schemaField = schemaFields.find((name) => parsed[name] !== undefined);
  if (schemaField !== undefined)
    return { problem: `has the parameter ${schemaField}, which has no effect; write options=-c%20search_path%3D…` };
  const { negotiation = 'postgres' } = { negotiation: parsed['sslnegotiation'] };
  if (negotiation !== 'postgres' && (negotiation !== 'direct' || parsed['ssl'] === false))
    return { problem: 'has a parameter sslnegotiation that cannot be used; it is `postgres`, or `direct` with TLS' };
  const options = parseOptions(String(parsed['options'] ?? ''));
  if (options === undefined) return { problem: 'has a parameter options with something else than `-c name=value`' };
  const own = settingFields.flatMap((name) =>
    parsed[name] === undefined ? [] : [[name, String(parsed[name])] as const],
  );
  const client = Object.fromEntries(
    clientFields.flatMap((name) => (parsed[name] === undefined ? [] : [[name, parsed[name]]])),
  ) as ClientConfig;
  return { client, settings: [...own, ...options] };
}

function describeParserError(error: unknown, text: string): string {
  const code = codeOfForeignError(error);
  if (error instanceof Error && 'path' in error)
    return `names a file with sslrootcert, sslcert or sslkey that cannot be read (${code ?? 'unknown error'})`;
  if (/[?&]sslmode=verify-ca\b/.test(text) && /[?&]uselibpqcompat=true\b/.test(text))
    return 'needs the parameter sslrootcert for sslmode=verify-ca';
  return wrongShape;
}

/** Defaults of later transactions, which come too late inside one, and the parameters with which they set a running one. */
const inTransaction: ReadonlyMap<string, string> = new Map(
  ['read_only', 'isolation', 'deferrable'].map((name) => [`default_transaction_${name}`, `transaction_${name}`]),
);

/** Parses the command-line options of a session. A backslash escapes a space or a backslash. */
function parseOptions(text: string): PostgresSetting[] | undefined {
  const words = text.match(/(?:\\.|[^\s\\])+/gs) ?? [];
  const settings: PostgresSetting[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] === '-c' ? `-c${words[(index += 1)] ?? ''}` : (words[index] ?? '');
    const [, dashes, name = '', value = ''] = /^(-c|--)([a-z_][\w.-]*)=(.*)$/is.exec(word) ?? [];
    if (dashes === undefined) return undefined;
    const written = dashes === '--' ? name.replaceAll('-', '_') : name;
    settings.push([inTransaction.get(written.toLowerCase()) ?? written, value.replaceAll(/\\(.)/gs, '$1')]);
  }
  return settings;
}
