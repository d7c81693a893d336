import { expect, test } from 'vitest';
import { describeRedisFailure } from './redis-failure.ts';

test.each([
  ['ECONNREFUSED', 'is unreachable (ECONNREFUSED)'],
  ['ENOTFOUND', 'is unreachable (ENOTFOUND)'],
  ['timeout', 'does not respond in time (timeout)'],
  ['ECONNRESET', 'whether it needs TLS'],
  ['REDIS_CLOSED', 'whether it needs TLS'],
  ['REDIS_TLS_REQUIRED', 'write `rediss://`'],
  ['REDIS_TLS_UNSUPPORTED', 'write `redis://`'],
  ['REDIS_CLIENT_CERTIFICATE', 'tls-auth-clients no'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'NODE_EXTRA_CA_CERTS'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'NODE_EXTRA_CA_CERTS'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'offers TLS'],
  ['REDIS_PROTOCOL', 'is no Redis server'],
  ['REDIS_DATABASE', 'correct the number'],
  ['REDIS_NO_PASSWORD', 'remove it from `redis.url`'],
  ['REDIS_COMMAND', 'rename-command'],
  ['REDIS_CLIENTS', 'maxclients'],
  ['DENIED', 'is in protected mode'],
  ['WRONGPASS', 'refuses the broker (WRONGPASS); check the user and password'],
  ['NOAUTH', 'refuses the broker (NOAUTH); it asks for a password'],
  ['NOPERM', 'call EVAL'],
  ['READONLY', 'leads to the primary'],
  ['MASTERDOWN', 'leads to the primary'],
  ['LOADING', 'is loading its data (LOADING)'],
  ['NOREPLICAS', 'min-replicas-to-write'],
  ['MISCONF', 'cannot save to its disk'],
  ['BUSY', 'with a script'],
  ['MOVED', 'is a node of a Redis Cluster'],
  ['CLUSTERDOWN', 'is a node of a Redis Cluster'],
  ['OOM', 'maxmemory'],
  ['REDIS_CLUSTER', 'is a node of a Redis Cluster'],
  ['REDIS_SENTINEL', 'is a Sentinel'],
  ['ERR', 'responds with an error (ERR)'],
])('describeRedisFailure explains the code %s', (code, text) => {
  expect(describeRedisFailure(code)).toContain(text);
});
