import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseIntoClientConfig } from 'pg-connection-string';
import { afterAll, expect, test } from 'vitest';
import { parsePostgresUrl } from './postgres-url.ts';

const folder = mkdtempSync(join(tmpdir(), 'valetkey-'));
afterAll(() => rmSync(folder, { recursive: true }));
const certificate = join(folder, 'root.crt');
writeFileSync(certificate, 'certificate');

test.each([
  'postgresql://127.0.0.1/valetkey',
  'postgres://user:password@db.example.com:5433/valetkey',
  'POSTGRES://user@db.example.com/valetkey',
  'postgresql://user@db.example.com',
  'postgresql://user:p%40ss%2Fw%3Aord%25@db.example.com/valetkey',
  'postgresql://user:pa ss%zz@db.example.com/valet key',
  'postgresql://%75ser@[::1]:5432/valet%20key',
  'postgresql:///valetkey?host=/var/run/postgresql',
  'postgresql:///valetkey?host=%2Fvar%2Frun%2Fpostgresql&port=5433&user=broker&password=p%26w',
  'postgresql://%2Fvar%2Frun%2Fpostgresql/valetkey',
  'postgresql://user:password@/valetkey?host=/var/run/postgresql',
  'socket:/var/run/postgresql?db=valetkey',
  'socket://user:password@/var/run/postgresql/?db=valetkey&encoding=utf8',
  '/var/run/postgresql valetkey',
  '/var/run/postgresql',
  'postgresql://db.example.com/valetkey?user=broker@canary&password=a@b/c',
  'postgresql://broker:p@ss@db.example.com/valetkey',
  'postgresql://db.example.com/valetkey?sslmode=disable',
  'postgresql://db.example.com/valetkey?sslmode=verify-full',
  'postgresql://db.example.com/valetkey?sslmode=no-verify',
  'postgresql://db.example.com/valetkey?ssl=true',
  'postgresql://db.example.com/valetkey?ssl=0',
  'postgresql://db.example.com/valetkey?sslmode=require&uselibpqcompat=true',
  `postgresql://db.example.com/valetkey?sslrootcert=${certificate}`,
  `postgresql://db.example.com/valetkey?sslmode=verify-ca&uselibpqcompat=true&sslrootcert=${certificate}`,
  'postgresql://db.example.com/valetkey?sslmode=verify-full&sslnegotiation=direct',
  'postgresql://db.example.com/valetkey?application_name=valetkey-eu&connect_timeout=5&target_session_attrs=read-write',
])('a configuration accepts %s, and reads it as the parser of pg does', (text) => {
  const address = parsePostgresUrl(text);
  if ('problem' in address) throw new Error(address.problem);
  const expected: Record<string, unknown> = { ...parseIntoClientConfig(text) };
  for (const field of ['host', 'port', 'user', 'password', 'database', 'application_name', 'sslnegotiation'] as const) {
    expect({ [field]: (address.client as Record<string, unknown>)[field] }).toEqual({ [field]: expected[field] });
  }
  expect(JSON.stringify(address.client.ssl)).toBe(JSON.stringify(expected['ssl']));
  expect(address.settings).toEqual([]);
});

test.each([
  ['-c search_path=valetkey', [['search_path', 'valetkey']]],
  [
    '-csearch_path=a,b -c work_mem=4MB',
    [
      ['search_path', 'a,b'],
      ['work_mem', '4MB'],
    ],
  ],
  ['--search-path=valetkey', [['search_path', 'valetkey']]],
  ['-c search_path=a,\\ b\\\\c', [['search_path', 'a, b\\c']]],
  ['-c default_transaction_read_only=off', [['transaction_read_only', 'off']]],
  [
    '-c DEFAULT_TRANSACTION_ISOLATION=serializable --default-transaction-deferrable=on',
    [
      ['transaction_isolation', 'serializable'],
      ['transaction_deferrable', 'on'],
    ],
  ],
])(
  'the options %j of a URL become settings of each transaction, because a pooler refuses options',
  (options, settings) => {
    const url = `postgresql://127.0.0.1/test?options=${encodeURIComponent(options)}`;
    expect(parsePostgresUrl(url)).toMatchObject({ settings });
  },
);

test('blank options of a URL become no settings', () => {
  expect(parsePostgresUrl('postgresql://127.0.0.1/test?options=%20%20')).toMatchObject({ settings: [] });
});

test('timeouts of the server in a URL become settings of each transaction', () => {
  const address = parsePostgresUrl(
    'postgresql://127.0.0.1/test?lock_timeout=50&statement_timeout=2000&max=1&Promise=x',
  );
  expect(address).toMatchObject({
    settings: [
      ['statement_timeout', '2000'],
      ['lock_timeout', '50'],
    ],
  });
  expect(address).not.toHaveProperty('client.max');
  expect(address).not.toHaveProperty('client.Promise');
});

test.each([
  ['', 'must be like postgresql://'],
  ['canary', 'must be like postgresql://'],
  ['mysql://u:canary@127.0.0.1/test', 'must be like postgresql://'],
  ['127.0.0.1:5432', 'must be like postgresql://'],
  ['postgresql://user:canary@:port', 'must be like postgresql://'],
  ['postgresql://user:canary@one.example.com,two.example.com/test', 'names several hosts'],
  ['postgresql:///test?host=one.canary,two.canary', 'names several hosts'],
  ['postgresql://127.0.0.1/test?replication=database&user=canary', 'replication'],
  ['postgresql://127.0.0.1/test?options=-d%20canary', 'options'],
  ['postgresql://127.0.0.1/test?schema=canary', 'the parameter schema, which has no effect'],
  ['postgresql://127.0.0.1/test?currentSchema=canary', 'the parameter currentSchema'],
  ['postgresql://127.0.0.1/test?search_path=canary', 'the parameter search_path'],
  ['postgresql://canary:12#3@db.example.com/test', 'percent-encoded'],
  ['postgresql://canary:12?3@db.example.com:5432/test?sslmode=require', 'percent-encoded'],
  ['postgresql://canary:12/3@db.example.com/test', 'percent-encoded'],
  ['postgresql://canary:p#3@db.example.com/test', 'percent-encoded'],
  ['postgresql://127.0.0.1/test?sslrootcert=/nowhere/canary', 'that cannot be read (ENOENT)'],
  ['postgresql://canary/test?sslmode=verify-ca&uselibpqcompat=true', 'sslrootcert for sslmode=verify-ca'],
  ['postgresql://canary/test?sslnegotiation=maybe', 'sslnegotiation'],
  ['postgresql://canary/test?sslnegotiation=direct&sslmode=disable', 'sslnegotiation'],
])('a configuration refuses the PostgreSQL URL %j and quotes nothing of it', (text, expected) => {
  const address = parsePostgresUrl(text);
  expect(address).toEqual({ problem: expect.stringContaining(expected) });
  expect(JSON.stringify(address)).not.toContain('canary');
});
