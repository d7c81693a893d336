import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { startPrivateRedis, redisCommand } from '../../../../packages/token-cache/src/testing/redis-server.ts';
import { createCertificateAuthority } from './certificate-authority.ts';
import { createDpopKey } from './dpop-key.ts';
import { startEchoingVendor } from './echoing-vendor.ts';
import { findFreePort } from './free-port.ts';
import { startOtlpCollector } from './otlp-collector.ts';
import { createPostgresSchema } from './postgres-server.ts';
import { createSimulatedVault } from './simulated-vault.ts';
import { createTokenIssuer } from './token-issuer.ts';
import { startValetkey } from './valetkey-process.ts';
import { startWrittenVendor } from './written-vendor.ts';

/** The secrets in environment variables. */
export const environmentSecrets = {
  NABLA_NEXT: 'canary-nabla-next-71d0-a1',
  NYMBL_SECRET: 'canary-nymbl-secret-71d0-a2',
  NYMBL_SECRET_NEXT: 'canary-nymbl-secret-next-71d0-a3',
  ADMIN_TOKEN: 'canary-admin-token-of-71d0-a4-xxxxxxxx',
  SUPPORT_TOKEN: 'canary-support-token-of-71d0-a5-xxxxxx',
  AUDIT_KEY_FORMER: 'canary-former-audit-key-of-71d0-a6-xxx',
  INTROSPECTION_SECRET: 'canary-introspection-secret-71d0-a7',
  VAULT_SECRET_ID: 'canary-vault-secret-id-71d0-a8',
  SEALING_KEY: 'canary-sealing-key-71d0-a9-0123456789abcdef',
  REDIS_PASSWORD: 'canary-redis-password-71d0-b1',
};

/** The secrets in files, by the name of the file. */
export const fileSecrets = {
  'admin-token-next': 'canary-admin-token-next-71d0-b2-xxxxxx',
  'audit-key': 'canary-audit-key-of-71d0-b3-xxxxxxxxxx',
  'nudge-key': 'canary-nudge-key-71d0-b4',
  'nonce-key': 'canary-nonce-key-of-71d0-b5-xxxxxxxxxx',
};

/** The secrets in Vault. */
export const vaultSecrets = {
  nabla: 'canary-vault-nabla-71d0-b6',
  nymbl: 'canary-vault-nymbl-71d0-b7',
};

/** The secrets that the configuration file itself has. */
export const literalSecrets = {
  postgresPassword: 'canary-postgres-password-71d0-b8',
  vital: 'sk_us_canary-vital-key-71d0-b9',
  broken: 'canary-broken-key-71d0-c1',
};

/** The tokens that vendors issue. Only the response to the caller that requested one may have it. */
export const issuedTokens = {
  'nabla access': 'canary-issued-nabla-access-71d0-c2',
  'nabla refresh': 'canary-issued-nabla-refresh-71d0-c3',
  nudge: 'canary-issued-nudge-71d0-c4',
  nymbl: 'canary-issued-nymbl-71d0-c5',
  vital: 'canary-issued-vital-71d0-c6',
};

/** What a vendor writes of its own accord: never for a caller, an operator or the log. */
export const vendorText = 'canary-text-of-a-vendor-71d0-c7';

/** Replaces a file as an editor does: another file is renamed to its path. */
async function replaceFile(folder: string, name: string, text: string): Promise<void> {
  await writeFile(join(folder, `${name}.new`), text, { mode: 0o600 });
  await rename(join(folder, `${name}.new`), join(folder, name));
}

/**
 * Starts `valetkey start` over https, with a canary in the place of each secret, on PostgreSQL and Redis, with secrets in Vault and
 * with an OpenTelemetry collector. Its vendors quote their requests, and one writes canaries of its own.
 */
export async function startCanaryBroker() {
  await using resources = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-canaries-'));
  resources.defer(() => rm(folder, { recursive: true }));
  const authority = resources.use(await createCertificateAuthority());
  const [listener, client] = [await authority.issueForDays(90)('localhost'), await authority.issue('broker')];
  const vault = resources.use(await createSimulatedVault());
  vault.logins.secretId = environmentSecrets.VAULT_SECRET_ID;
  vault.put('secret/data/vendors', vaultSecrets);
  const redis = await startPrivateRedis('--requirepass', environmentSecrets.REDIS_PASSWORD, '--rdbcompression', 'no');
  if (redis === undefined) throw new Error('Redis is missing.');
  resources.defer(() => redis.stop());
  const schema = resources.use(await createPostgresSchema());
  const retired = [vaultSecrets.nabla, environmentSecrets.NYMBL_SECRET];
  const vendor = resources.use(await startEchoingVendor({ issued: issuedTokens, retired }));
  const broken = resources.use(
    await startWrittenVendor((response) =>
      response
        .writeHead(500, vendorText, { 'x-debug': vendorText, 'content-type': 'application/json' })
        .end(JSON.stringify({ message: vendorText, error: { code: vendorText } })),
    ),
  );
  const collector = resources.use(await startOtlpCollector());
  const issuer = createTokenIssuer();
  const port = await findFreePort();
  const publicUrl = `https://localhost:${port}`;
  const postgres = new URL(schema.url);
  postgres.password = literalSecrets.postgresPassword;
  const files = {
    ...fileSecrets,
    'tls.pem': listener.certificate,
    'tls.key': listener.key,
    'client.pem': client.certificate,
    'client.key': client.key,
  };
  for (const [name, text] of Object.entries(files)) await replaceFile(folder, name, text);

  const config = {
    publicUrl,
    listen: { port, tls: { certificate: '${file:tls.pem}', key: '${file:tls.key}' } },
    admin: {
      port: 0,
      token: { current: '${env:ADMIN_TOKEN}', next: '${file:admin-token-next}' },
      tokens: [{ name: 'support', token: '${env:SUPPORT_TOKEN}' }],
    },
    store: { postgres: postgres.href, timeoutMs: 60_000 },
    redis: {
      url: redis.url.replace('redis://', 'redis://:${env:REDIS_PASSWORD}@'),
      sealingKeys: [{ id: 'one', secret: '${env:SEALING_KEY}' }],
      timeoutMs: 10_000,
    },
    audit: { key: '${file:audit-key}', formerKeys: ['${env:AUDIT_KEY_FORMER}'] },
    dpop: { nonceKey: '${file:nonce-key}' },
    log: { level: 'trace' },
    egress: { proxy: false },
    reload: { watch: false },
    telemetry: { openTelemetry: {} },
    secrets: {
      vault: {
        url: vault.url,
        auth: { appRole: { roleId: vault.logins.roleId, secretId: '${env:VAULT_SECRET_ID}' } },
      },
    },
    issuers: [
      {
        issuer: issuer.issuer,
        audiences: ['valetkey'],
        jwks: issuer.jwks,
        dpop: {},
        introspection: {
          endpoint: `${vendor.url}/introspect`,
          clientId: 'broker',
          clientSecret: '${env:INTROSPECTION_SECRET}',
        },
        backChannelLogout: { audiences: ['app'] },
      },
    ],
    vendors: {
      nabla: {
        baseUrl: `${vendor.url}/nabla`,
        serverKey: { current: '${vault:secret/data/vendors#nabla}', next: '${env:NABLA_NEXT}' },
        user: { claim: 'sub' },
      },
      nudge: {
        baseUrl: `${vendor.url}/nudge`,
        apiKey: '${file:nudge-key}',
        clientCertificate: { certificate: '${file:client.pem}', key: '${file:client.key}' },
      },
      nymbl: {
        baseUrl: `${vendor.url}/nymbl`,
        tokenUrl: `${vendor.url}/nymbl-idp`,
        clientId: 'broker',
        clientSecret: { current: '${env:NYMBL_SECRET}', next: '${env:NYMBL_SECRET_NEXT}' },
        apiKey: '${vault:secret/data/vendors#nymbl}',
        customer: { claim: 'customer' },
        allow: [
          { method: 'GET', path: '/Patients' },
          { method: 'POST', path: '/Patients' },
        ],
      },
      vital: { baseUrl: `${vendor.url}/vital`, apiKey: literalSecrets.vital, environment: 'sandbox', region: 'us' },
      broken: { vendor: 'nudge', baseUrl: broken.url, apiKey: literalSecrets.broken },
    },
  };
  await replaceFile(folder, 'valetkey.json', JSON.stringify(config));
  const environment = {
    ...environmentSecrets,
    NODE_EXTRA_CA_CERTS: authority.caFile,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  };
  const run = (words: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    startValetkey(words, folder, { ...environment, ...more });
  const broker = resources.use(run(['start', '--config', 'valetkey.json']));
  const [, , adminUrl = ''] = await broker.waitForOutput(/listens on (\S+),\s+for operators on (\S+)\./);
  /** Returns every row of every table as text, and every key of Redis as it is stored. */
  const readStores = async () => {
    const tables = await schema.execute(`SELECT tablename FROM pg_tables WHERE schemaname = '${schema.name}'`);
    const rows = await Promise.all(
      tables.map(async (table) => {
        const { tablename } = table as { tablename: string };
        return JSON.stringify(await schema.execute(`SELECT t::text AS row FROM ${schema.name}.${tablename} t`));
      }),
    );
    await redisCommand(redis.url.replace('redis://', `redis://:${environmentSecrets.REDIS_PASSWORD}@`), 'SAVE');
    return { postgres: rows.join('\n'), redis: await readFile(join(redis.folder, 'dump.rdb')) };
  };
  const held = resources.move();
  return {
    ...broker,
    config,
    folder,
    issuer,
    vendor,
    vault,
    collector,
    dpopKey: createDpopKey(),
    ca: authority.ca,
    brokerUrl: publicUrl,
    adminUrl,
    run,
    /** The private keys without the lines around them: what each has of its own. */
    privateKeys: {
      'key of the listener': listener.key.split('\n')[1] ?? '',
      'key of the client certificate': client.key.split('\n')[1] ?? '',
    },
    replaceFile: (name: string, text: string) => replaceFile(folder, name, text),
    readStores,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

export type CanaryBroker = Awaited<ReturnType<typeof startCanaryBroker>>;
