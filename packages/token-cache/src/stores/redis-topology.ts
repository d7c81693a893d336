/** The only function of a node-redis client that {@link assertStandaloneRedis} uses. */
export interface RedisCommands {
  readonly sendCommand: (words: string[]) => Promise<unknown>;
}

const problems = {
  cluster: {
    code: 'REDIS_CLUSTER',
    message:
      'The Redis server is a node of a Redis Cluster, which a URL cannot name. Use a server without cluster mode, or pass your own cluster client.',
  },
  sentinel: {
    code: 'REDIS_SENTINEL',
    message:
      'The Redis server is a Sentinel, which stores nothing. Use an address that always leads to the primary, or pass your own sentinel client.',
  },
} as const;

/**
 * Rejects if a server belongs to a topology that the `url` of a store cannot name. The error has the code `REDIS_CLUSTER`
 * or `REDIS_SENTINEL`. Resolves for every other server, also for one that does not permit the command INFO.
 */
export async function assertStandaloneRedis(client: RedisCommands): Promise<void> {
  const info = await client.sendCommand(['INFO', 'server']).catch(() => '');
  const mode = /^redis_mode:(cluster|sentinel)\r?$/m.exec(String(info))?.[1] as keyof typeof problems | undefined;
  if (mode === undefined) return;
  const { code, message } = problems[mode];
  throw Object.assign(new Error(message), { code });
}
