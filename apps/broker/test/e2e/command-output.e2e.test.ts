import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isProgramAvailable } from '../support/required-program.ts';
import { commandFile, startValetkey } from '../support/valetkey-process.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  const issuers = "issuers: [{ issuer: 'http://127.0.0.1:9/a-realm-with-a-long-name', audiences: [api] }]";
  await writeFile(
    join(folder, 'good.yaml'),
    `${issuers}\nvendors: { nudge: { apiKey: a, baseUrl: 'http://127.0.0.1:9' } }`,
  );
  await writeFile(join(folder, 'bad.yaml'), `${issuers}\nvendors: { acme: {}, 'Not A Name': { vendor: nudge } }`);
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs `valetkey` to its end, with this text on standard input. */
async function run(args: readonly string[], input = '') {
  await using child = startValetkey(args, folder);
  child.sendInput(input);
  return { exitCode: await child.exitCode, text: child.output() };
}

const linesOf = (text: string) => text.trimEnd().split('\n');

const failures: [number, readonly string[], string?][] = [
  [1, []],
  [1, ['dev', '--port', 'http']],
  [1, ['check', '--config', 'bad.yaml']],
  [1, ['check', 'good.yaml']],
  [1, ['check']],
  [1, ['doctor', '--config', 'good.yaml']],
  [1, ['explain', '--config', 'good.yaml'], 'a.b.c'],
  [1, ['explain', '--config', 'good.yaml'], ' \r\n'],
];

test.each(failures)('`valetkey` exits with %i and prints no colours to a pipe for %j', async (code, args, input) => {
  const { exitCode, text } = await run(args, input);
  expect(exitCode, text).toBe(code);
  expect(text).not.toContain('\u001b');
});

test('`valetkey doctor` prints each finding to a pipe as one line', async () => {
  const { text } = await run(['doctor', '--config', 'good.yaml']);
  expect(linesOf(text).filter((line) => !/^[✓✗] /.test(line))).toEqual([]);
  expect(linesOf(text).some(({ length }) => length > 80)).toBe(true);
});

const helps: readonly [string, string][] = [
  ['dev', '[options]'],
  ['start', '--config <file>'],
  ['check', '--config <file>'],
  ['doctor', '--config <file>'],
  ['explain', '--config <file>'],
  ['types', '[options]'],
  ['audit list', '[options]'],
  ['audit why', '<request-id> [options]'],
  ['audit export', '[options]'],
  ['audit tail', '[options]'],
];

test.each(helps)(
  '`valetkey %s --help` has the usage, a sentence for each option, examples for each shell and the exit codes',
  async (command, parameters) => {
    const { exitCode, text } = await run([...command.split(' '), '--help']);
    expect(exitCode).toBe(0);
    expect(linesOf(text)[0]).toBe(`Usage: valetkey ${command} ${parameters}`);
    const [, options = ''] = /\nOptions:\n([\s\S]+?)\n\n/.exec(text) ?? [];
    const sentences = options.replaceAll(/\n {4,}/g, ' ').split('\n');
    for (const line of sentences) expect(line).toMatch(/^ {2}-.* {2}[A-Z].*\.(?: \(default: .*\))?$/);
    expect(text).toMatch(new RegExp(`\nExamples?:\n(?:  # .*\n)?  valetkey ${command} `));
    expect(text.includes('PowerShell')).toBe(text.includes('< token.txt'));
    expect(text).toMatch(/\nExit code:\n {2}0 if .*, otherwise 1\.\n/);
    expect(linesOf(text).filter(({ length }) => length > 80)).toEqual([]);
  },
);

test.each([
  [['dev', '--prt', '1'], '--port'],
  [['check', '--confg', 'good.yaml'], '--config'],
  [['--hlp'], '--help'],
  [['chek'], 'check'],
])('`valetkey` suggests the correct spelling for %j', async (args, expected) => {
  const { exitCode, text } = await run(args);
  expect(exitCode).toBe(1);
  expect(text).toContain(`Did you mean ${expected}?`);
  expect(text).toMatch(/Run `valetkey .*--help`/);
});

const hasTerminal = await isProgramAvailable({
  name: 'script (util-linux)',
  probe: () => execFileSync('script', ['--version'], { stdio: 'pipe' }),
  remediation: 'Install the package bsdutils or util-linux.',
});

describe.skipIf(!hasTerminal)('valetkey at a terminal', () => {
  /** Runs `valetkey explain` in a terminal, and types a token when it asks for one. Returns what the terminal shows. */
  async function explainAtTerminal(environment: Readonly<Record<string, string>> = {}): Promise<string> {
    const command = `"${process.execPath}" "${commandFile}" explain --config good.yaml`;
    const terminal = spawn('script', ['--quiet', '--echo', 'never', '--command', command, '/dev/null'], {
      cwd: folder,
      env: { PATH: process.env['PATH'], TERM: 'xterm-256color', ...environment },
    });
    let shown = '';
    terminal.stdout.on('data', (chunk: Buffer) => {
      const asked = shown.includes('Ctrl-D');
      shown += chunk.toString();
      if (!asked && shown.includes('Ctrl-D')) terminal.stdin.write('Bearer canary.b.c\r\u0004');
    });
    await once(terminal, 'close');
    return shown;
  }

  test.each(failures.filter(([, , input]) => input === undefined))(
    '`valetkey` exits with %i and prints lines of at most 80 columns at a wide terminal for %j',
    async (code, args) => {
      const command = [process.execPath, commandFile, ...args];
      const wide = `stty cols 200; ${command.map((word) => `"${word}"`).join(' ')}; echo "exit $?"`;
      const terminal = spawn('script', ['--quiet', '--command', wide, '/dev/null'], {
        cwd: folder,
        env: { PATH: process.env['PATH'], TERM: 'xterm', NO_COLOR: '1' },
      });
      let shown = '';
      terminal.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
      await once(terminal, 'close');
      expect(shown).toContain(`exit ${code}`);
      expect(shown.split('\r\n').filter(({ length }) => length > 80)).toEqual([]);
    },
  );

  test('`valetkey explain` says what it waits for, shows no token, and colours its marks', async () => {
    const shown = await explainAtTerminal();
    expect(shown).toContain('Paste the token, then press Ctrl-D.');
    expect(shown).toContain('\u001b[31m✗\u001b[39m form');
    expect(shown).not.toContain('canary');
  });

  test('`valetkey explain` prints no colour while NO_COLOR is set', async () => {
    const shown = await explainAtTerminal({ NO_COLOR: '1' });
    expect(shown).toContain('✗ form');
    expect(shown).not.toContain('\u001b[3');
  });
});
