import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createSandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createConfigFor } from '../support/recording-broker.ts';
import { startValetkey } from '../support/valetkey-process.ts';

const run = promisify(execFile);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs `valetkey` to its end, expects the exit code, and returns the output. */
async function runValetkey(
  expectedExitCode: number,
  args: readonly string[],
  environment?: Record<string, string>,
): Promise<string> {
  await using child = startValetkey(args, folder, environment);
  expect(await child.exitCode, child.output()).toBe(expectedExitCode);
  return child.output();
}

const expectFailure = (args: readonly string[], environment?: Record<string, string>) =>
  runValetkey(1, args, environment);

/** Listens on a port, so that the broker cannot listen on it. */
async function occupyPort() {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => new Promise((resolve) => server.close(resolve)) };
}

const configWithInvalidPrefix = `
issuers: [{ issuer: 'http://127.0.0.1:9', audiences: [api] }]
redis:
  url: redis://127.0.0.1:9
  prefix: two words
  sealingKeys: [{ id: a, secret: a-text-of-more-than-32-characters-here }]
`;

test.each([
  ['a rejection', 'void Promise.reject(error)'],
  ['an exception', 'setImmediate(() => { throw error; })'],
])(
  '%s that a configuration leaves unhandled ends `valetkey start` without its message and fields',
  async (_, leave) => {
    const text = `const error = Object.assign(new Error('canary-message'), { code: 'E_VAULT', headers: { authorization: 'canary-field' } });
    ${leave};
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    export default {};`;
    await writeFile(join(folder, 'unhandled.mjs'), text);
    const output = await expectFailure(['start', '--config', 'unhandled.mjs']);
    expect(output).toMatch(/^valetkey: ended by an unhandled error: failed \(E_VAULT\)\n.*unhandled\.mjs:1/);
    expect(output).not.toContain('canary');
  },
);

describe('valetkey dev', () => {
  const free = ['--port', '0', '--admin-port', '0', '--sandbox-port', '0'];

  test('`valetkey dev` prints two commands that work unchanged, and exits with 0 on SIGINT', async () => {
    await using child = startValetkey(['dev', ...free], folder);
    await child.waitForOutput(/Ctrl-C/);
    const banner = child.output();
    const lines = banner.split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    const commands = lines.filter((line) => /^ +curl /.test(line));
    expect(commands).toHaveLength(2);

    const { stdout } = await run('bash', ['-c', commands.join('\n')], { cwd: folder });
    expect(JSON.parse(stdout)).toMatchObject({ vendor: 'nabla', vendor_user_id: 'alice' });

    child.signal('SIGINT');
    expect(await child.exitCode).toBe(0);
  });

  test.each([
    ['--port', ['--admin-port', '0', '--sandbox-port', '0']],
    ['--admin-port', ['--port', '0', '--sandbox-port', '0']],
    ['--sandbox-port', ['--port', '0', '--admin-port', '0']],
  ])(
    '`valetkey dev` prints one line that names the port and %s when another process uses the port',
    async (flag, others) => {
      const taken = await occupyPort();
      const text = await expectFailure(['dev', flag, String(taken.port), ...others]);
      expect(text).toContain(`${taken.port}`);
      expect(text).toContain(`with ${flag}`);
      expect(text.trim().split('\n')).toHaveLength(1);
      await taken.close();
    },
  );

  test('`valetkey dev` prints decisions and refusals as plain lines with times in UTC, and no JSON', async () => {
    await using child = startValetkey(['dev', ...free], folder);
    const [, url = ''] = await child.waitForOutput(/broker +(\S+)[\s\S]*Ctrl-C/);
    const [, sandboxUrl = ''] = await child.waitForOutput(/sandbox +(\S+)/);
    const header = await (await fetch(`${sandboxUrl}/idp/dev-token?sub=alice`)).text();
    const issue = (authorization: string) =>
      fetch(`${url}/v1/vendors/nudge/token`, { method: 'POST', headers: { authorization } });
    await issue(header.trim().replace(/^authorization: /i, ''));
    await issue('Bearer a.b.c');
    await child.waitForOutput(/\d\d:\d\d:\d\d UTC {2}alice {2}issue nudge {2}allowed/);
    await child.waitForOutput(/\d\d:\d\d:\d\d UTC {2}refused: code invalid_token, connection nudge/);
    // oxlint-disable-next-line no-control-regex
    expect(child.output()).not.toMatch(/^\s*\{|\u001b/m);
  });

  test('`valetkey dev` names `--data-folder` when it cannot write there', async () => {
    await writeFile(join(folder, 'a-file'), '');
    const text = await expectFailure(['dev', ...free, '--data-folder', 'a-file/data']);
    expect(text).toMatch(/^valetkey: --data-folder: cannot be opened: its folder cannot be created\s+\(ENOTDIR\)/);
  });

  test('`valetkey dev` refuses to start when NODE_ENV is production', async () => {
    expect(await expectFailure(['dev', ...free], { NODE_ENV: 'production' })).toContain('NODE_ENV');
  });

  test('`valetkey dev` names the two flags that name the same port', async () => {
    const printed = await expectFailure(['dev', '--port', '9001', '--admin-port', '0', '--sandbox-port', '9001']);
    expect(printed).toContain('--sandbox-port and --port name the same port');
  });

  test('`valetkey dev` refuses a port that is not a number', async () => {
    expect(await expectFailure(['dev', '--port', 'http'])).toContain('65535');
  });
});

describe('valetkey start and check', () => {
  const key = 'canary-9a41';
  const config = `
listen: { port: 0 }
admin: { port: 0 }
store: { sqlite: data/valetkey.sqlite }
issuers: [{ issuer: 'http://127.0.0.1:9', audiences: [api] }]
vendors: { nudge: { apiKey: '\${env:NUDGE_API_KEY}' } }
`;
  const configFile = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return ['--config', name];
  };

  test('`valetkey start` prints its address, responds to health checks, and exits with 0 on SIGTERM', async () => {
    const file = await configFile('good.yaml', config);
    await using child = startValetkey(['start', ...file], folder, { NUDGE_API_KEY: key });
    const [, url = ''] = await child.waitForOutput(/listens on ([^\s,]+)/);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    child.signal('SIGTERM');
    expect(await child.exitCode).toBe(0);
  });

  test.each([
    ['a missing secret', config, {}, 'vendors.nudge.apiKey: the environment variable NUDGE_API_KEY is not set'],
    [
      'a credential of the sandbox',
      config,
      { NUDGE_API_KEY: 'sandbox-only-key' },
      'vendors.nudge.apiKey: is a credential',
    ],
    [
      'an unknown field',
      `${config}\nlistn: {}`,
      { NUDGE_API_KEY: key },
      'listn: is not a known field; did you mean `listen`?',
    ],
    [
      'a database URL of another kind',
      config.replace('sqlite: data/valetkey.sqlite', `postgres: 'mysql://u:${key}@host/db'`),
      { NUDGE_API_KEY: key },
      'store.postgres: must be like postgresql:',
    ],
    [
      'an issuer without audiences',
      config.replace(', audiences: [api]', ''),
      { NUDGE_API_KEY: key },
      'issuers.0.audiences: is missing',
    ],
  ])(
    '`valetkey start` and `check` refuse a configuration with %s, and print neither a secret nor a stack trace',
    async (name, text, environment, expected) => {
      const file = await configFile(`${name.replaceAll(' ', '-')}.yaml`, text);
      for (const action of ['start', 'check']) {
        const printed = await expectFailure([action, ...file], environment);
        expect(printed).toContain(expected);
        expect(printed).not.toContain(key);
        expect(printed).not.toMatch(/\bat .*:\d+:\d+/);
      }
    },
  );

  test('`valetkey start` exits with 1 and names `admin.port` when another process uses the port', async () => {
    const taken = await occupyPort();
    const text = config.replace('admin: { port: 0 }', `admin: { port: ${taken.port} }`);
    const printed = await expectFailure(['start', ...(await configFile('taken.yaml', text))], { NUDGE_API_KEY: key });
    expect(printed).toContain(`port ${taken.port} on 127.0.0.1 is in use; choose another with admin.port`);
    await taken.close();
  });

  test('`valetkey start` prints its addresses to standard error, and only JSON to standard output', async () => {
    const file = await configFile('logged.yaml', config);
    await using child = startValetkey(['start', ...file], folder, { NUDGE_API_KEY: key });
    const [, url = ''] = await child.waitForOutput(/listens on ([^,]+),/);
    await fetch(`${url}/v1/session`);
    child.signal('SIGINT');
    expect(await child.exitCode).toBe(0);
    expect(child.output().split(url), 'the address is printed once').toHaveLength(2);
    expect(
      child
        .output()
        .split('\n')
        .filter((line) => !line.startsWith('{') && line.length > 80),
    ).toEqual([]);
    const lines = child.standardOutput().trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).not.toEqual([]);
  });

  test('`valetkey start` and `check` say how to install a package that a valetkey.config.ts imports', async () => {
    const text = `import { defineConfig } from '@valetkey/broker';\nexport default defineConfig({});\n`;
    for (const action of ['start', 'check']) {
      const printed = await expectFailure([action, ...(await configFile('valetkey.config.ts', text))]);
      expect(printed).toContain('valetkey.config.ts: imports `@valetkey/broker`, which is not installed');
      expect(printed).toContain('`npm install @valetkey/broker`');
      expect(printed).not.toContain(folder);
    }
  });

  test.each([
    ['imports another missing package', "import 'canary-package';", 'imports a module that cannot be found'],
    ['imports a missing file', "import './canary.ts';", 'imports a module that cannot be found'],
    ['throws', "const a = 1;\nthrow new Error('canary');", 'cannot be read at line 2 (Error)'],
    ['is not TypeScript', 'const a = 1;\n\nexport default { a: ;;canary', 'cannot be read at line 3 (ERR_'],
  ])('`valetkey check` explains a valetkey.config.ts that %s, without its text', async (name, text, expected) => {
    const file = await configFile(`${name.replaceAll(' ', '-')}.ts`, text);
    const printed = await expectFailure(['check', ...file]);
    expect(printed).toContain(expected);
    expect(printed).not.toMatch(/canary|npm install/);
  });

  test('`valetkey check` reports that a valid file can be used, and exits with 0', async () => {
    const file = await configFile('checked.yaml', config);
    expect(await runValetkey(0, ['check', ...file], { NUDGE_API_KEY: key })).toContain('checked.yaml can be used.');
  });
});

test('`valetkey` suppresses the warning that SQLite is experimental, and no other warning', async () => {
  const warnings = ['SQLite is an experimental feature and might change at any time', 'Something else may change'];
  const emit = warnings.map((text) => `process.emitWarning('${text}', 'ExperimentalWarning');`).join('\n');
  await writeFile(join(folder, 'warns.mjs'), `${emit}\nexport default {};\n`);
  const program = new URL('../../src/cli/valetkey.ts', import.meta.url).pathname;
  const node = ['--conditions=@valetkey/source', program, 'check', '--config', 'warns.mjs'];
  const { stderr } = await run(process.execPath, node, { cwd: folder }).catch((error: { stderr: string }) => error);
  expect(stderr).toContain('Something else may change');
  expect(stderr).not.toContain('SQLite');
});

describe('valetkey explain and doctor', () => {
  test('`valetkey explain` reads the token from standard input, and exits with 1 when a check fails', async () => {
    await using sandbox = await createSandbox();
    const file = join(folder, 'sandbox.json');
    await writeFile(file, JSON.stringify(createConfigFor(sandbox)));
    const explain = async (audience: string) => {
      await using child = startValetkey(['explain', '--config', file], folder);
      child.sendInput(`${await sandbox.mintUserToken({ sub: 'alice', audience })}\n`);
      return { exitCode: await child.exitCode, text: child.output() };
    };
    const accepted = await explain('valetkey');
    expect(accepted).toMatchObject({ exitCode: 0, text: expect.stringContaining('✓ signature') });
    const refused = await explain('other');
    expect(refused).toMatchObject({ exitCode: 1, text: expect.stringContaining('✗ audience') });
    expect(refused.text).toContain('The token has aud "other"; accepted: valetkey\n');
    expect(refused.text).toContain('The token has typ "at+jwt"; accepted: at+jwt\n');
    expect(refused.text.trimEnd().split('\n').at(-1)).toMatch(
      /^What to change: in the app, .* `audiences` in the conf/,
    );
    expect(accepted.text + refused.text).not.toMatch(/eyJ|alice/);
  });

  test('`valetkey explain` says of a bound token that only its proof is missing, and explains no connection with it', async () => {
    await using sandbox = await createSandbox();
    const config = createConfigFor(sandbox);
    const issuers = config.issuers.map((issuer) => ({ ...issuer, dpop: {} }));
    await writeFile(
      join(folder, 'dpop.json'),
      JSON.stringify({ ...config, issuers, publicUrl: 'https://broker.example.com' }),
    );
    const token = await sandbox.mintUserToken({ sub: 'alice', claims: { cnf: { jkt: 'a'.repeat(43) } } });
    const explain = async (...options: string[]) => {
      await using child = startValetkey(['explain', '--config', 'dpop.json', ...options], folder);
      child.sendInput(token);
      return { exitCode: await child.exitCode, text: child.output() };
    };
    const alone = await explain();
    expect(alone.exitCode).toBe(0);
    expect(alone.text).toMatch(
      /^. proof: The token is bound to a key\. Only the app can sign a DPoP proof with this key\.$/m,
    );
    expect(alone.text).toMatch(/The broker accepts the token with a proof, as `Authorization: DPoP <token>`\.\n$/);
    const used = await explain('--connection', 'nudge');
    expect(used.exitCode).toBe(1);
    expect(used.text).toMatch(/The rules of nudge were not checked, .*explain=nudge from the app\.\n$/);
    const forwarded = await explain('--operation', 'authorize');
    expect(forwarded.exitCode).toBe(1);
    expect(forwarded.text).toMatch(/What to change: in the app, send a token that is not bound to a key, .*\n$/);
  });

  test('`valetkey explain --connection` reports the policy and the vendor user, calls no vendor and creates no file', async () => {
    await using sandbox = await createSandbox();
    const { vendors, ...config } = createConfigFor(sandbox);
    const nudge = { ...vendors.nudge, requiredScopes: ['admin'] };
    const store = { sqlite: 'explained/valetkey.sqlite' };
    const token = await sandbox.mintUserToken({ sub: 'alice', claims: { email: 'canary' } });
    const explain = async (own: object, connection: string) => {
      await writeFile(join(folder, 'explained.json'), JSON.stringify({ ...config, store, ...own }));
      await using child = startValetkey(['explain', '--config', 'explained.json', '--connection', connection], folder);
      child.sendInput(token);
      return { exitCode: await child.exitCode, lines: child.output().trimEnd().split('\n') };
    };
    const all = { vendors: { ...vendors, nudge } };
    const allowed = await explain(all, 'vital');
    expect(allowed.exitCode).toBe(0);
    expect(allowed.lines.slice(-6)).toEqual([
      '✓ vital policy: Every user: the connection has no rules.',
      '✓ vital blocked: Not blocked.',
      '✓ vital user: The store has no vendor user; the vendor would be asked to create one.',
      '✓ vital issue: vital would be asked for a token of the vendor user. Parameters: none.',
      'The user of the token may use the connection vital. No vendor was called.',
      expect.stringMatching(/^What to change: Nothing/),
    ]);
    const refused = await explain(all, 'nudge');
    expect(refused.exitCode).toBe(1);
    expect(refused.lines).toContain('✗ nudge requiredScopes: The token lacks: admin.');
    expect(refused.lines.at(-1)).toMatch(/^What to change: .* vendors\.nudge\.requiredScopes in the configuration\.$/);
    const unreachable = await explain({ ...all, store: { postgres: 'postgresql://u:p@127.0.0.1:9/none' } }, 'vital');
    expect(unreachable.exitCode).toBe(1);
    expect(unreachable.lines).toContain('· vital user: The broker cannot read the store, so this was not checked.');
    const missing = await explain(all, 'vitl');
    expect(missing.lines).toEqual([expect.stringContaining('it has nabla, nudge, nymbl, authgear, vital')]);
    expect(JSON.stringify([allowed, refused, unreachable, missing])).not.toMatch(/eyJ|alice|canary/);
    expect(await readdir(folder)).not.toContain('explained');
    expect(sandbox.calls().vital ?? {}).toEqual({});
  });

  test('`valetkey doctor` refuses the credentials of the sandbox', async () => {
    await using sandbox = await createSandbox();
    const file = join(folder, 'sandbox.json');
    await writeFile(file, JSON.stringify(createConfigFor(sandbox)));
    expect(await expectFailure(['doctor', '--config', file])).toContain('is a credential of the sandbox');
  });

  test('`valetkey doctor` exits with 0 while a vendor accepts its key, and with 1 when the vendor refuses it', async () => {
    await using sandbox = await createSandbox();
    const file = join(folder, 'vital.json');
    const apiKey = 'sk_us_some-other-key';
    sandbox.vital.setApiKeys([apiKey]);
    const { vendors, ...config } = createConfigFor(sandbox);
    await writeFile(file, JSON.stringify({ ...config, vendors: { vital: { ...vendors.vital, apiKey } } }));
    expect(await runValetkey(0, ['doctor', '--config', file])).toContain(
      '✓ connection vital: `apiKey` is accepted, and a wrong key is refused',
    );
    sandbox.vital.setApiKeys([]);
    expect(await expectFailure(['doctor', '--config', file])).toContain('✗ connection vital');
  });

  test('`valetkey doctor` creates no file and no folder, whether the configuration is valid or not', async () => {
    const before = new Set([...(await readdir(folder)), 'default.yaml', 'empty.yaml', 'prefix.yaml']);
    const issuers = "issuers: [{ issuer: 'http://127.0.0.1:9', audiences: [api] }]";
    await writeFile(join(folder, 'default.yaml'), issuers);
    expect(await expectFailure(['doctor', '--config', 'default.yaml'])).toContain('✓ store: ok');
    expect((await readdir(folder)).filter((name) => !before.has(name))).toEqual([]);
    await writeFile(join(folder, 'empty.yaml'), 'issuers: []\n');
    expect(await expectFailure(['doctor', '--config', 'empty.yaml'])).toContain('no vendor signs users in');
    await writeFile(join(folder, 'prefix.yaml'), configWithInvalidPrefix);
    expect(await expectFailure(['doctor', '--config', 'prefix.yaml'])).toContain('prefix');
    expect((await readdir(folder)).filter((name) => !before.has(name))).toEqual([]);
  });
});
