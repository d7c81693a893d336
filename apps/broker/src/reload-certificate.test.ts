import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificateAuthority, hasOpenssl } from '../test/support/certificate-authority.ts';
import { assemble } from './assemble.ts';
import { ConfigError } from './config/config-error.ts';
import { parseConfig } from './config/parse-config.ts';

let authority: Awaited<ReturnType<typeof createCertificateAuthority>>;
let sandbox: Sandbox;
beforeAll(async () => {
  if (!hasOpenssl) return;
  authority = await createCertificateAuthority();
  sandbox = await createSandbox();
});
afterAll(async () => {
  if (!hasOpenssl) return;
  await sandbox.close();
  await authority[Symbol.asyncDispose]();
});

type Listener = 'listen' | 'admin';

function fieldsOf(changes: Partial<Record<Listener, object>> = {}, vendor: object = {}) {
  const { urls, credentials } = sandbox;
  return {
    listen: { port: 0, ...changes.listen },
    admin: { port: 0, token: 'a-token-of-the-operator-of-32-characters', ...changes.admin },
    store: { sqlite: ':memory:' },
    log: { level: 'silent' },
    issuers: [{ issuer: urls.idp, audiences: ['valetkey'] }],
    vendors: { nudge: { baseUrl: urls.nudge, apiKey: credentials.nudge.apiKey, ...vendor } },
  };
}

async function startBroker(fields: object) {
  const broker = assemble(parseConfig(fields));
  const { brokerUrl, adminUrl } = await broker.listen();
  const urls: Record<Listener, string> = { listen: brokerUrl, admin: adminUrl };
  const agent = new Agent({ connect: { ca: authority.ca, servername: 'localhost' } });
  return {
    urls,
    reload: (changed: object) => broker.reload(async () => parseConfig(changed)),
    statusOf: async (listener: Listener, path: string) => {
      const { statusCode, body } = await request(urls[listener] + path, { dispatcher: agent });
      await body.dump();
      return statusCode;
    },
    /** Opens a TLS connection to a listener. */
    open: async (listener: Listener): Promise<TLSSocket> => {
      const { port } = new URL(urls[listener]);
      const socket = connect({ host: '127.0.0.1', port: Number(port), ca: authority.ca, servername: 'localhost' });
      await once(socket, 'secureConnect');
      return socket;
    },
    [Symbol.asyncDispose]: async () => {
      await agent.destroy();
      await broker.close();
    },
  };
}

const serialOf = (socket: TLSSocket) => socket.getPeerCertificate().serialNumber;

/** Sends a request over an open connection, and resolves with the status line. */
async function readStatus(socket: TLSSocket): Promise<string> {
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString().slice(0, 12);
}

describe.skipIf(!hasOpenssl)('a reload of a listener with a certificate', () => {
  test.each<Listener>(['listen', 'admin'])(
    'gives the renewed certificate of %s to each new connection, and leaves the open ones and the other listener alone',
    async (listener) => {
      const other: Listener = listener === 'listen' ? 'admin' : 'listen';
      const tls = await authority.issue('localhost');
      const fields = (renewed: object) => fieldsOf({ [listener]: { tls: renewed }, [other]: { tls } });
      await using broker = await startBroker(fields(tls));
      const [before, beforeOfOther] = [await broker.open(listener), await broker.open(other)];
      await broker.reload(fields(await authority.issue('localhost')));
      const [after, afterOfOther] = [await broker.open(listener), await broker.open(other)];
      expect(serialOf(after)).not.toBe(serialOf(before));
      expect(serialOf(afterOfOther)).toBe(serialOf(beforeOfOther));
      for (const socket of [before, after, beforeOfOther, afterOfOther]) {
        expect(await readStatus(socket)).toBe('HTTP/1.1 200');
        socket.destroy();
      }
    },
  );

  test('gives a certificate that is renewed again to each new connection', async () => {
    await using broker = await startBroker(fieldsOf({ listen: { tls: await authority.issue('localhost') } }));
    const serials = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      await broker.reload(fieldsOf({ listen: { tls: await authority.issue('localhost') } }));
      const socket = await broker.open('listen');
      serials.add(serialOf(socket));
      socket.destroy();
    }
    expect(serials.size).toBe(3);
  });

  test('is refused as a whole if the key belongs to another certificate, and the earlier certificate stays', async () => {
    const tls = await authority.issue('localhost');
    await using broker = await startBroker(fieldsOf({ listen: { tls } }));
    const before = await broker.open('listen');
    const { certificate } = await authority.issue('localhost');
    const refused = broker.reload(fieldsOf({ listen: { tls: { certificate, key: tls.key } } }));
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow('listen.tls.key: is not the key of this certificate');
    const after = await broker.open('listen');
    expect(serialOf(after)).toBe(serialOf(before));
    for (const socket of [before, after]) socket.destroy();
  });

  test('keeps the certificate if another change of the same reload is refused', async () => {
    const tls = await authority.issue('localhost');
    await using broker = await startBroker(fieldsOf({ listen: { tls } }));
    const before = await broker.open('listen');
    const changed = fieldsOf({ listen: { tls: await authority.issue('localhost') }, admin: { port: 1 } });
    await expect(broker.reload(changed)).rejects.toThrow('admin.port: has changed');
    const after = await broker.open('listen');
    expect(serialOf(after)).toBe(serialOf(before));
    for (const socket of [before, after]) socket.destroy();
  });

  test.each<Listener>(['listen', 'admin'])('is refused by name if %s.tls is added or removed', async (listener) => {
    const secure = fieldsOf({ [listener]: { tls: await authority.issue('localhost') } }, { requiredScopes: ['a'] });
    const refusal = `${listener}.tls: was added or removed, and only a restart of the broker applies this`;
    {
      await using broker = await startBroker(fieldsOf());
      await expect(broker.reload(secure)).rejects.toThrow(refusal);
      expect((await fetch(`${broker.urls[listener]}/healthz`)).status).toBe(200);
    }
    await using broker = await startBroker(secure);
    await expect(broker.reload(fieldsOf())).rejects.toThrow(refusal);
    expect(await broker.statusOf(listener, '/healthz')).toBe(200);
  });
});
