/** Codes of the system, such as ECONNREFUSED. Every other code is the first word of an error reply of Redis. */
const systemCode = /^E[A-Z]{4,}$/;
const roles = /^(READONLY|MASTERDOWN|LOADING|NOREPLICAS|CLUSTERDOWN|MOVED|ASK|TRYAGAIN)$/;

const states = /^(BUSY|MISCONF|UNKILLABLE|INPROG)$/;

/** Returns what the code of a failure of Redis means, and what the operator should check. */
export function describeRedisFailure(code: string): string {
  if (code === 'REDIS_CLUSTER')
    return 'is a node of a Redis Cluster, which is not supported; name a server without cluster mode in `redis.url`';
  if (code === 'REDIS_SENTINEL')
    return 'is a Sentinel, which is not supported; name an address that always leads to the primary in `redis.url`';
  if (roles.test(code))
    return `cannot serve the broker in its role (${code}); check that \`redis.url\` leads to the primary and that it runs`;
  if (code === 'OOM') return 'is full (OOM); raise its maxmemory, or set a maxmemory-policy that evicts keys';
  if (code === 'ERR')
    return 'refuses a command of the broker (ERR); check the number of the database and the password in `redis.url`, and that the server knows EVAL';
  if (states.test(code)) return `cannot serve the broker at the moment (${code}); read the log of the server`;
  if (/^[A-Z]{2,20}$/.test(code) && !systemCode.test(code))
    return `refuses the broker (${code}); check the user and password in \`redis.url\`, and that this user may call EVAL`;
  return `is unreachable (${code}); check the host and port in \`redis.url\``;
}
