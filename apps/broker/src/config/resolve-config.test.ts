import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCertificateAuthority, hasOpenssl } from '../../test/support/certificate-authority.ts';
import { findFreePort } from '../../test/support/free-port.ts';
import { createSimulatedVault, createdTime, type SimulatedVault } from '../../test/support/simulated-vault.ts';
import { createConfigResolver } from './resolve-config.ts';

let vault: SimulatedVault;
beforeEach(async () => {
  vault = await createSimulatedVault();
  vault.createToken('sim-root-token-5d21');
  vault.put('secret/data/nudge', {
    apiKey: 'canary-nudge-5d21',
    next: ' canary-next-5d21\n',
    port: 8_787,
    list: [],
    none: '',
  });
});
afterEach(() => vault[Symbol.asyncDispose]());

const egress = { proxy: false };

/** Resolves a configuration once, and closes what that opened. */
async function resolveOnce(written: unknown, environment: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const resolver = createConfigResolver({ environment });
  try {
    return (await resolver.resolve(written)).resolved;
  } finally {
    await resolver.close();
  }
}

const withToken = (token = 'sim-root-token-5d21') => ({ vault: { url: vault.url, auth: { token } } });

describe('references to Vault', () => {
  test('a reference to Vault is replaced, alone or inside a longer text, and each secret is read once', async () => {
    const written = {
      egress,
      secrets: withToken('${env:TOKEN}'),
      vendors: {
        nudge: { apiKey: { current: '${vault:secret/data/nudge#apiKey}', next: '${vault:secret/data/nudge#next}' } },
      },
      url: 'redis://u:${vault:secret/data/nudge#apiKey}@h:${vault:secret/data/nudge#port}/${env:DB}',
    };
    expect(await resolveOnce(written, { TOKEN: 'sim-root-token-5d21', DB: '1' })).toEqual({
      egress,
      secrets: withToken(),
      vendors: { nudge: { apiKey: { current: 'canary-nudge-5d21', next: 'canary-next-5d21' } } },
      url: 'redis://u:canary-nudge-5d21@h:8787/1',
    });
    expect(vault.requests).toEqual(['GET auth/token/lookup-self', 'GET secret/data/nudge']);
  });

  test('a resolved value of Vault is not resolved again', async () => {
    vault.put('secret/data/odd', { key: '${env:HOME}$&' });
    expect(await resolveOnce({ egress, secrets: withToken(), a: '${vault:secret/data/odd#key}' })).toMatchObject({
      a: '${env:HOME}$&',
    });
  });

  test('each reference that Vault cannot serve is a problem of its own, together with those of variables and files', async () => {
    vault.put('secret/data/gone', { key: 'canary-gone' });
    vault.deleteLatest('secret/data/gone');
    const written = {
      egress,
      secrets: withToken(),
      vendors: {
        nudge: { apiKey: '${vault:secret/data/nudge#wrong}' },
        vital: { apiKey: '${vault:secret/data/gone#key}' },
        nymbl: {
          key: '${vault:secret/nudge#apiKey}',
          list: '${vault:secret/data/nudge#list}',
          none: '${vault:secret/data/nudge#none}',
        },
        nabla: { serverKey: '${env:NONE}' },
        aws: { key: '${aws-sm:nudge#apiKey}' },
      },
    };
    const failure: unknown = await resolveOnce(written).catch((error: unknown) => error);
    expect((failure as { problems: readonly string[] }).problems.toSorted()).toEqual([
      'vendors.aws.key: ${aws-sm:nudge#apiKey} cannot be read: `secrets.awsSecretsManager`, which says how to read it, is not set',
      'vendors.nabla.serverKey: the environment variable NONE is not set or is empty',
      'vendors.nudge.apiKey: ${vault:secret/data/nudge#wrong} cannot be read: the secret has no field `wrong`',
      'vendors.nymbl.key: has a reference to Vault that is not the path of the API of KV version 2 and a field, such as `${vault:secret/data/nudge#apiKey}`',
      'vendors.nymbl.list: ${vault:secret/data/nudge#list} cannot be read: the field `list` of the secret is neither a text nor a number',
      'vendors.nymbl.none: ${vault:secret/data/nudge#none} cannot be read: the field `none` of the secret is empty',
      'vendors.vital.apiKey: ${vault:secret/data/gone#key} cannot be read: Vault has no such secret, or its latest version is deleted (404); check the path, and `secrets.vault.namespace`',
    ]);
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toMatch(/canary|sim-root/);
  });

  test.each<[string, string, (simulation: SimulatedVault) => void, string]>([
    [
      'refuses the token',
      'canary-wrong',
      () => undefined,
      'Vault refuses to show it (403); check the login, and give it a policy with `path "secret/data/nudge" { capabilities = ["read"] }`',
    ],
    [
      'is sealed',
      'sim-root-token-5d21',
      ({ state }) => (state.fault = 503),
      'Vault is sealed or down for maintenance (503)',
    ],
    [
      'redirects',
      'sim-root-token-5d21',
      ({ state }) => (state.fault = 307),
      'Vault responded 307, a redirect; set `secrets.vault.url` to the address that serves requests',
    ],
    [
      'has another namespace',
      'sim-root-token-5d21',
      ({ state }) => (state.namespace = 'team'),
      'Vault has no such secret, or its latest version is deleted (404); check the path, and `secrets.vault.namespace`',
    ],
    [
      'has KV version 1 at the path',
      'sim-root-token-5d21',
      (simulation) => simulation.putVersion1('secret/data/nudge', { apiKey: 'canary' }),
      'Vault sent no secret of KV version 2; check that the path has the engine and then `data`',
    ],
  ])('a reference is a problem without a text of Vault if Vault %s', async (_, token, prepare, reason) => {
    prepare(vault);
    const failure: unknown = await resolveOnce({
      egress,
      secrets: withToken(token),
      key: '${vault:secret/data/nudge#apiKey}',
    }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      problems: [expect.stringContaining(`key: \${vault:secret/data/nudge#apiKey} cannot be read: ${reason}`)],
    });
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain('canary');
  });

  test('a Vault that does not respond ends at `timeoutMs`, and one that does not listen is named with the code', async () => {
    vault.state.fault = 'hang';
    const secrets = { vault: { ...withToken().vault, timeoutMs: 100 } };
    const key = '${vault:secret/data/nudge#apiKey}';
    await expect(resolveOnce({ egress, secrets, key })).rejects.toThrow(
      `Vault at ${vault.url} did not respond within 100 ms`,
    );
    const elsewhere = { vault: { ...withToken().vault, url: `http://127.0.0.1:${await findFreePort()}` } };
    await expect(resolveOnce({ egress, secrets: elsewhere, key })).rejects.toThrow('cannot be reached (ECONNREFUSED)');
  });

  test('a Vault at a private address is refused unless `egress.allow` lists it', async () => {
    const secrets = { vault: { ...withToken().vault, url: 'https://10.255.255.1:8200', timeoutMs: 100 } };
    const key = '${vault:secret/data/nudge#apiKey}';
    await expect(resolveOnce({ egress, secrets, key })).rejects.toThrow('`egress.allow`');
    await expect(resolveOnce({ egress: { ...egress, allow: ['10.0.0.0/8'] }, secrets, key })).rejects.not.toThrow(
      '`egress.allow`',
    );
  });

  test('every call to Vault names the configured namespace', async () => {
    vault.state.namespace = 'team/broker';
    const secrets = { vault: { ...withToken().vault, namespace: 'team/broker' } };
    expect(await resolveOnce({ egress, secrets, key: '${vault:secret/data/nudge#apiKey}' })).toMatchObject({
      key: 'canary-nudge-5d21',
    });
  });

  test.skipIf(!hasOpenssl)(
    'a Vault with a certificate of a private authority is trusted with `secrets.vault.ca` alone',
    async () => {
      await using authority = await createCertificateAuthority();
      await using secured = await createSimulatedVault({ certificate: await authority.issue('localhost') });
      secured.createToken('sim-root-token-5d21');
      secured.put('secret/data/nudge', { apiKey: 'canary-nudge-5d21' });
      const settings = { url: secured.url, auth: { token: 'sim-root-token-5d21' } };
      const key = '${vault:secret/data/nudge#apiKey}';
      await expect(resolveOnce({ egress, secrets: { vault: settings }, key })).rejects.toThrow('egress.ca');
      const trusting = { vault: { ...settings, ca: `\${file:${authority.caFile}}` } };
      expect(await resolveOnce({ egress, secrets: trusting, key })).toMatchObject({ key: 'canary-nudge-5d21' });
    },
  );
});

describe('the sections that are read first', () => {
  test('`secrets` and `egress` may not have references whose values are read over the network', async () => {
    const written = {
      egress: { proxy: '${aws-sm:proxy}' },
      secrets: { vault: { url: vault.url, auth: { token: '${vault:secret/data/nudge#apiKey}' } } },
      key: '${vault:secret/data/nudge#apiKey}',
    };
    const failure: unknown = await resolveOnce(written).catch((error: unknown) => error);
    const reason =
      'secret managers are called with the sections `secrets` and `egress`; write `${env:NAME}` or `${file:path}` in these';
    expect((failure as { problems: readonly string[] }).problems).toEqual([
      `egress.proxy: \${aws-sm:proxy} cannot be read: ${reason}`,
      `secrets.vault.auth.token: \${vault:secret/data/nudge#apiKey} cannot be read: ${reason}`,
      'key: ${vault:secret/data/nudge#apiKey} cannot be read: the sections `secrets` and `egress` have problems, which are listed as well',
    ]);
    expect(vault.requests).toEqual([]);
  });

  test.each<[string, object, string]>([
    [
      'an unknown field',
      { vault: { url: 'https://v.example', auth: { token: 'canary' }, tokn: 'canary' } },
      'secrets.vault',
    ],
    [
      'two logins',
      { vault: { url: 'https://v.example', auth: { token: 'canary', appRole: {} } } },
      'secrets.vault.auth',
    ],
    ['no login', { vault: { url: 'https://v.example' } }, 'secrets.vault.auth'],
    ['a URL without TLS', { vault: { url: 'http://v.example', auth: { token: 'canary' } } }, 'secrets.vault.url'],
    [
      'a namespace with a query',
      { vault: { url: 'https://v.example', auth: { token: 'canary' }, namespace: 'a?b' } },
      'secrets.vault.namespace',
    ],
    [
      'a mount that leaves its path',
      { vault: { url: 'https://v.example', auth: { appRole: { roleId: 'r', secretId: 's', mount: '../sys' } } } },
      'secrets.vault.auth',
    ],
  ])('the section `secrets` with %s is refused before a call', async (_, secrets, field) => {
    const failure: unknown = await resolveOnce({ secrets, key: '${vault:secret/data/nudge#apiKey}' }).catch(
      (error: unknown) => error,
    );
    const { problems } = failure as { problems: readonly string[] };
    expect(problems[0]).toContain(field);
    expect(problems.join()).not.toContain('canary');
  });
});

describe('resolving again', () => {
  test('reads the values again with the same login, and reports their versions', async () => {
    const resolver = createConfigResolver();
    const { roleId, secretId } = vault.logins;
    const secrets = { vault: { url: vault.url, auth: { appRole: { roleId, secretId } } } };
    const written = { egress, secrets, key: '${vault:secret/data/nudge#apiKey}' };
    const first = await resolver.resolve(written);
    vault.put('secret/data/nudge', { apiKey: 'canary-rotated-5d21' });
    const second = await resolver.resolve(written);
    await resolver.close();
    expect([first, second].map(({ resolved }) => (resolved as { key: string }).key)).toEqual([
      'canary-nudge-5d21',
      'canary-rotated-5d21',
    ]);
    expect(second.uses).toEqual([
      {
        kind: 'vault',
        name: 'secret/data/nudge#apiKey',
        text: '${vault:secret/data/nudge#apiKey}',
        path: ['key'],
        version: '2',
        createdAtMs: Date.parse(createdTime),
      },
    ]);
    expect(inspect(second.uses, { depth: 9, showHidden: true })).not.toContain('canary');
    expect(vault.requests).toEqual(['POST auth/approle/login', 'GET secret/data/nudge', 'GET secret/data/nudge']);
  });

  test('logs in again if the settings have changed, and keeps the earlier login if that fails', async () => {
    const resolver = createConfigResolver();
    const { roleId, secretId } = vault.logins;
    const configOf = (secret: string) => ({
      egress,
      secrets: { vault: { url: vault.url, auth: { appRole: { roleId, secretId: secret } } } },
      key: '${vault:secret/data/nudge#apiKey}',
    });
    await resolver.resolve(configOf(secretId));
    await expect(resolver.resolve(configOf('canary-wrong'))).rejects.toThrow(
      'Vault refuses the login (400); check `secrets.vault.auth.appRole` and `secrets.vault.namespace`',
    );
    await resolver.resolve(configOf(secretId));
    await resolver.close();
    expect(vault.requests.filter((request) => request.endsWith('/login'))).toHaveLength(2);
  });
});
