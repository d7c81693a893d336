// Nabla in a process of its own that costs as little as possible: it responds to every request with the same tokens.
import { createServer, type AddressInfo } from 'node:net';

const delayMs = Number(process.argv[2] ?? 0);
const nowSeconds = Math.floor(Date.now() / 1000);

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
const tokenOf = (typ: string, seconds: number): string => {
  const claims = { sub: 'patient', typ, iat: nowSeconds, exp: nowSeconds + seconds };
  return `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}.${'s'.repeat(342)}`;
};
const body = JSON.stringify({
  access_token: tokenOf('access', 86_400),
  refresh_token: tokenOf('refresh', 30 * 86_400),
});
const response = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

const server = createServer((socket) => {
  socket.setNoDelay(true);
  let text = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    const requests = text.split('\r\n\r\n');
    text = requests.pop() ?? '';
    if (requests.length === 0) return;
    const respond = (): void => void (socket.writable && socket.write(response.repeat(requests.length)));
    if (delayMs === 0) respond();
    else setTimeout(respond, delayMs);
  });
});

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());
