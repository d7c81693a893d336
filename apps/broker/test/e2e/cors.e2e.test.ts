import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBroker } from '../../src/create-broker.ts';
import { startDevBroker, type DevBroker } from '../support/dev-broker.ts';

const allowedOrigin = 'http://localhost:5173';

let dev: DevBroker;
beforeAll(async () => {
  dev = await startDevBroker();
});
afterAll(() => dev.close());

const sendPreflight = (origin: string) =>
  dev.call('/v1/vendors/nabla/token', undefined, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
  });

test('allows calls from a web page of a configured origin, without the browser’s credentials', async () => {
  const preflight = await sendPreflight(allowedOrigin);
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-origin')).toBe(allowedOrigin);
  expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
  expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
  const refused = await dev.call('/v1/session', undefined, { headers: { origin: allowedOrigin } });
  expect(refused.headers.get('access-control-allow-origin')).toBe(allowedOrigin);
  for (const header of ['valet-key', 'retry-after', 'etag', 'odata-version']) {
    expect(refused.headers.get('access-control-expose-headers')).toContain(header);
  }
});

test('responds 400 to an OPTIONS request that is not a preflight', async () => {
  const response = await dev.call('/v1/session', undefined, { method: 'OPTIONS' });
  expect([response.status, await response.json()]).toMatchObject([400, { code: 'invalid_request' }]);
});

test.each(['http://localhost:51730', 'https://127.0.0.1:8443', 'http://[::1]:3000', 'http://app.localhost'])(
  'valetkey dev allows calls from a web page of the loopback origin %s',
  async (origin) => {
    const { headers } = await sendPreflight(origin);
    expect(headers.get('access-control-allow-origin')).toBe(origin);
  },
);

test.each(['null', `${allowedOrigin}.evil.example`, 'http://xlocalhost:5173', 'http://localhost.evil.example'])(
  'does not allow calls from a web page of the origin %s',
  async (origin) => {
    expect((await sendPreflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
    const token = await dev.mintToken({ sub: 'alice' });
    const { headers } = await dev.call('/v1/session', token, { headers: { origin } });
    expect(headers.get('access-control-allow-origin')).toBeNull();
  },
);

const minimalConfig = {
  issuers: [{ issuer: 'https://id.example.com', audiences: ['api'], jwksUri: 'https://id.example.com/keys' }],
  vendors: { nudge: { apiKey: 'a-key-of-nudge' } },
  store: { sqlite: ':memory:' },
  log: { level: 'silent' },
};

test.each(['capacitor://localhost', 'ionic://localhost', 'tauri://localhost', 'chrome-extension://abcdefgh'])(
  'the broker allows calls from %s if the operator lists this origin, and from no other host of its scheme',
  async (origin) => {
    const broker = createBroker({ ...minimalConfig, cors: { origins: [origin] } });
    const send = async (from: string) => {
      const response = await broker.app.inject({ url: '/v1/session', headers: { host: 'localhost', origin: from } });
      return response.headers['access-control-allow-origin'];
    };
    expect(await send(origin)).toBe(origin);
    expect(await send(`${origin}.evil.example`)).toBeUndefined();
    await broker.close();
  },
);

test.each([
  'capacitor://localhost/',
  'capacitor://',
  'capacitor://*',
  'Capacitor://localhost',
  'file://localhost',
  'null',
])('a configuration with the origin %s is refused', (origin) => {
  expect(() => createBroker({ ...minimalConfig, cors: { origins: [origin] } })).toThrow(/cors\.origins\.0: must be/);
});
