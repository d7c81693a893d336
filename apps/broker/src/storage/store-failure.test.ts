import { expect, test } from 'vitest';
import { describeStoreFailure, isRoleFailure } from './store-failure.ts';

test.each([
  ['ECONNREFUSED', 'server', 'host and port'],
  ['ENOTFOUND', 'server', 'DNS'],
  ['ECONNRESET', 'server', 'timeoutMs'],
  ['no_answer', 'server', 'timeoutMs'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'server', 'sslrootcert'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'server', 'sslrootcert'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'server', 'sslrootcert'],
  ['TLS_UNSUPPORTED', 'server', 'sslmode'],
  ['NOT_POSTGRES', 'server', 'host and port'],
  ['CLOSED', 'server', 'host and port'],
  ['08P01', 'server', 'pooler'],
  ['08006', 'server', 'host and port'],
  ['28P01', 'server', 'password'],
  ['28000', 'server', 'pg_hba.conf'],
  ['28000', 'server', 'sslmode=verify-full'],
  ['SETTING_REFUSED', 'server', 'options'],
  ['55000', 'server', 'ALLOW_CONNECTIONS'],
  ['3D000', 'server', 'database'],
  ['3F000', 'server', 'search_path'],
  ['42501', 'operation', 'Grant'],
  ['42501', 'operation', 'row-level security'],
  ['22P05', 'operation', 'UTF8'],
  ['22021', 'operation', 'UTF8'],
  ['MIGRATION_REQUIRED', 'server', 'valetkey migrate'],
  ['42P01', 'operation', 'valetkey migrate'],
  ['42703', 'operation', 'valetkey migrate'],
  ['53100', 'write', 'space'],
  ['53200', 'server', 'memory'],
  ['53300', 'server', 'maxConnections'],
  ['25006', 'write', 'primary'],
  ['57P01', 'server', 'Wait'],
  ['57P02', 'server', 'Wait'],
  ['57P03', 'server', 'Wait'],
  ['57014', 'operation', 'lock'],
  ['40001', 'operation', 'lock'],
  ['40P01', 'operation', 'lock'],
  ['XX000', 'operation', 'log'],
  ['sqlite_8', 'write', 'right to write'],
  ['sqlite_13', 'write', 'space'],
  ['sqlite_11', 'server', 'backup'],
  ['FILE_REPLACED', 'write', 'restart'],
  ['22000', 'operation', 'Check `store`'],
])('describeStoreFailure explains the code %s, and knows that it concerns the %s', (code, scope, advice) => {
  const failure = describeStoreFailure(code);
  expect(failure).toMatchObject({ scope, advice: expect.stringContaining(advice) });
  expect(failure.detail).toMatch(/^[A-Z].*\.$/);
});

test.each(['25006', '57P01', '57P02', '57P03', '08006', '08P01'])('%s ends the connections of the store', (code) => {
  expect(isRoleFailure(code)).toBe(true);
});

test.each(['40001', '42501', '57014', '53100', undefined, 25_006])('%s keeps the connections of the store', (code) => {
  expect(isRoleFailure(code)).toBe(false);
});
