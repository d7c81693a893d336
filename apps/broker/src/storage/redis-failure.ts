/** What a code says about the Redis server, and what the operator should do. */
const failures: readonly (readonly [RegExp, string, string])[] = [
  [
    /^(REDIS_CLUSTER|CLUSTERDOWN|MOVED|ASK|TRYAGAIN|CROSSSLOT)$/,
    'is a node of a Redis Cluster, which is not supported',
    'name a server without cluster mode in `redis.url`',
  ],
  [
    /^REDIS_SENTINEL$/,
    'is a Sentinel, which is not supported',
    'name an address that always leads to the primary in `redis.url`',
  ],
  [/^REDIS_TLS_REQUIRED$/, 'accepts only TLS', 'write `rediss://` in `redis.url`'],
  [
    /^REDIS_TLS_UNSUPPORTED$/,
    'does not offer TLS at this port',
    "name the server's TLS port in `redis.url`, or write `redis://` if the network is private",
  ],
  [
    /^REDIS_CLIENT_CERTIFICATE$/,
    'asks for a client certificate, which is not supported',
    'set `tls-auth-clients no` at the server',
  ],
  [/^REDIS_PROTOCOL$/, 'is no Redis server', 'check the host and port in `redis.url`'],
  [
    /^REDIS_DATABASE$/,
    'has no database of the number in `redis.url`',
    'correct the number, or raise `databases` of the server',
  ],
  [
    /^REDIS_NO_PASSWORD$/,
    'has no password, but `redis.url` has one',
    'remove it from `redis.url`, or set a password at the server',
  ],
  [
    /^REDIS_COMMAND$/,
    'does not know a command of the broker',
    'check that `rename-command` leaves SELECT and EVAL and the commands of its scripts, and that the server is no Sentinel',
  ],
  [/^REDIS_CLIENTS$/, 'accepts no further client', 'raise its `maxclients`'],
  [
    /^DENIED$/,
    'is in protected mode, which refuses clients of other machines',
    'set a password at the server, and write it into `redis.url`',
  ],
  [/^NOAUTH$/, 'refuses the broker', 'it asks for a password, so write the user and password into `redis.url`'],
  [/^WRONGPASS$/, 'refuses the broker', 'check the user and password in `redis.url`'],
  [
    /^NOPERM$/,
    'refuses the broker',
    'let its user call EVAL and the commands of the scripts on the keys of `redis.prefix`, and SELECT if `redis.url` has a database',
  ],
  [/^(READONLY|MASTERDOWN)$/, 'is a replica', 'check that `redis.url` leads to the primary and that it runs'],
  [/^LOADING$/, 'is loading its data', 'wait until it has loaded them'],
  [/^NOREPLICAS$/, 'has too few replicas', 'start its replicas, or lower its `min-replicas-to-write`'],
  [/^OOM$/, 'is full', 'raise its maxmemory, or set a maxmemory-policy that evicts keys'],
  [/^MISCONF$/, 'accepts no writes because it cannot save to its disk', 'read its log'],
  [/^(BUSY|UNKILLABLE)$/, 'is busy with a script of another program', 'end that script'],
  [
    /^(ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/,
    'has a certificate that the broker does not trust',
    'name the authority with NODE_EXTRA_CA_CERTS, and check that the host is in the certificate',
  ],
  [
    /^(ERR_SSL_|EPROTO$)/,
    'refuses the TLS connection',
    'check that the port in `redis.url` offers TLS, and that the server asks for no client certificate',
  ],
  [
    /^(REDIS_CLOSED|ECONNRESET|EPIPE)$/,
    'ends the connections of the broker',
    'check the port in `redis.url`, whether it needs TLS (`rediss://`), and run `valetkey doctor`',
  ],
  [
    /^(timeout|ETIMEDOUT)$/,
    'does not respond in time',
    'check the host and port in `redis.url`, and whether it offers TLS if the URL begins with `rediss://`',
  ],
];

/** Codes of the system, such as ECONNREFUSED. Every other code is the first word of an error reply of Redis. */
const systemCode = /^E[A-Z]{4,}$/;

/** Returns what the code of a failure of Redis means, and what the operator should check. */
export function describeRedisFailure(code: string): string {
  for (const [pattern, problem, advice] of failures) {
    if (pattern.test(code)) return `${problem} (${code}); ${advice}`;
  }
  if (/^[A-Z]{2,20}$/.test(code) && !systemCode.test(code))
    return `responds with an error (${code}); read its log, and run \`valetkey doctor\``;
  return `is unreachable (${code}); check the host and port in \`redis.url\``;
}
