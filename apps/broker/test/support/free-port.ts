import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** Returns a port on which no process listens, for a program that cannot select a free port itself. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Returns a free port that the system gives to no other process: a broker that starts again needs its port, which the system could
 * have given to a client meanwhile if it had chosen it. `taken` are ports that the caller has found before.
 */
export async function findKeptPort(taken: readonly number[]): Promise<number> {
  const port = randomInt(12_000, 32_000);
  if (taken.includes(port)) return findKeptPort(taken);
  const server = createServer();
  const isFree = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
  });
  if (!isFree) return findKeptPort(taken);
  server.close();
  await once(server, 'close');
  return port;
}
