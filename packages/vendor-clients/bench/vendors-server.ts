// A vendor in a process of its own that costs as little as possible: it responds to every request with the same sign-in token.
import { createServer, type AddressInfo } from 'node:net';

const userId = 'e209947b-323e-4108-8e18-1518b80da0bd';
const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
const userToken = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode({ uid: userId, iat: 100, exp: 3_700 })}.${'s'.repeat(342)}`;
const signInToken = Buffer.from(JSON.stringify({ public_key: 'k'.repeat(39), user_token: userToken })).toString(
  'base64',
);
const body = JSON.stringify({ user_id: userId, sign_in_token: signInToken });
const response = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

const server = createServer((socket) => {
  socket.setNoDelay(true);
  let text = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    const requests = text.split('\r\n\r\n');
    text = requests.pop() ?? '';
    if (requests.length > 0) socket.write(response.repeat(requests.length));
  });
});

server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port, userId });
});
process.on('disconnect', () => process.exit());
