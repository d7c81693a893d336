import { connect, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** How each reply of Redis begins. A server of another kind begins in another way, or closes the connection. */
const redisReply = /^[-+:$*]/;
const unknownCommand = /^-ERR unknown command/i;

/**
 * Asks the server of a URL what it is, without the credentials of the URL. Resolves to a code that `describeRedisFailure`
 * explains, or to undefined if it may be the server that the URL names.
 */
export async function identifyRedis(url: string, signal: AbortSignal): Promise<string | undefined> {
  const isTls = new URL(url).protocol === 'rediss:';
  const end = new AbortController();
  const either = AbortSignal.any([signal, end.signal]);
  // A port speaks TLS or not. In the wrong way, it may be silent.
  const [own, other] = [ask(url, isTls, either), ask(url, !isTls, either)];
  try {
    return await Promise.any([
      own.then(assertRedis).then(codeOfReplies),
      other.then(assertRedis).then(() => (isTls ? 'REDIS_TLS_UNSUPPORTED' : 'REDIS_TLS_REQUIRED')),
    ]);
  } catch {
    return (await own).length > 0 ? 'REDIS_PROTOCOL' : undefined;
  } finally {
    end.abort();
  }
}

/** Resolves to whether the server of a URL is a Sentinel, also if it refuses the credentials or the database of the URL. */
export async function isSentinel(url: string, signal: AbortSignal): Promise<boolean> {
  const replies = await ask(url, new URL(url).protocol === 'rediss:', signal);
  return codeOfReplies(replies) === 'REDIS_SENTINEL';
}

function assertRedis(replies: readonly string[]): readonly string[] {
  if (!redisReply.test(replies[0] ?? '')) throw new TypeError('The server is no Redis server.');
  return replies;
}

function codeOfReplies([toEval = '', toSentinel]: readonly string[]): string | undefined {
  if (toEval.startsWith('-DENIED ')) return 'DENIED';
  if (toEval.startsWith('-ERR max number of clients')) return 'REDIS_CLIENTS';
  // A server that has EVAL under another name does not know SENTINEL either.
  const isOne = unknownCommand.test(toEval) && toSentinel !== undefined && !unknownCommand.test(toSentinel);
  return isOne ? 'REDIS_SENTINEL' : undefined;
}

/** Redis knows only the first command and a Sentinel only the second one. Both say so before they ask for a password. */
const question = '*1\r\n$4\r\nEVAL\r\n*2\r\n$8\r\nSENTINEL\r\n$4\r\nMYID\r\n';

/** Resolves to the first lines of the two replies, or to what the server sends before it closes or `signal` aborts. */
async function ask(url: string, isTls: boolean, signal: AbortSignal): Promise<readonly string[]> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1') || 'localhost';
  const address = { host, port: Number(port || 6379) };
  // The certificate is not verified, because nothing secret is sent and the replies only decide which problem is named.
  const tls = { ...address, rejectUnauthorized: false, servername: isIP(host) === 0 ? host : '' };
  const socket = isTls ? connectTls(tls) : connect(address);
  const { promise, resolve } = Promise.withResolvers<readonly string[]>();
  let received = '';
  const end = () => {
    socket.destroy();
    resolve(received === '' ? [] : received.split('\r\n'));
  };
  signal.addEventListener('abort', end, { once: true });
  socket
    .on('data', (bytes: Buffer) => {
      received += bytes.toString('latin1');
      if (!redisReply.test(received) || received.split('\r\n').length > 2) end();
    })
    .on('error', end)
    .on('close', end)
    .write(question);
  return promise;
}
