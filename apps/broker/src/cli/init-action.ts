import { realpathSync } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createInterface, type Interface } from 'node:readline/promises';
import { codeOfForeignError } from '@valetkey/core-types';
import { ConfigError } from '../config/config-error.ts';
import { parseConfig } from '../config/parse-config.ts';
import { CommandError } from './command-error.ts';
import { collectAnswers, type Ask, type StarterAnswers, type StarterFlags } from './starter-answers.ts';
import {
  createStarterConfig,
  exampleIssuer,
  renderStarterFiles,
  starterFileNames,
  type StarterFiles,
} from './starter-files.ts';
import { toIssuer } from './starter-issuers.ts';
import { markOf, print } from './terminal.ts';
import { InputCancelled } from './token-input.ts';

/** The options of `valetkey init`. */
export interface InitOptions extends StarterFlags {
  readonly folder: string;
  readonly force?: boolean;
}

/** Writes a first configuration, the list of its secrets, and a policy test. Writes nothing if an answer cannot be used. */
export async function init({ folder, force = false, ...flags }: InitOptions): Promise<void> {
  if (!force) await refuseExisting(folder);
  const terminal = process.stdin.isTTY ? createInterface({ input: process.stdin, output: process.stdout }) : undefined;
  try {
    const answers = await collectAnswers(flags, terminal && askAt(terminal));
    await writeFiles(folder, renderStarterFiles(answers, checkAnswers(answers)), force);
    printNextSteps(folder, answers);
  } finally {
    terminal?.close();
  }
}

/** Returns a function that asks at a terminal. It rejects if Ctrl-C or Ctrl-D ends the input. */
function askAt(terminal: Interface): Ask {
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined);
  terminal.once('close', () => ended.reject(new InputCancelled()));
  return (text, prompt) => {
    print(text);
    return Promise.race([terminal.question(prompt), ended.promise]);
  };
}

async function refuseExisting(folder: string): Promise<void> {
  for (const name of starterFileNames) {
    const file = join(folder, name);
    const exists = await stat(file).then(
      () => true,
      (error: unknown) => codeOfForeignError(error) !== 'ENOENT',
    );
    if (exists) throw alreadyExists(file);
  }
}

function alreadyExists(file: string): CommandError {
  return new CommandError(`${file} exists; add \`--force\` to overwrite it, or choose another \`--folder\``);
}

/**
 * Returns the `iss` of the tokens that the broker would accept. Throws a `CommandError` that lists what the broker would refuse. The
 * secrets do not exist yet, so what depends on them is left to `valetkey check`.
 */
function checkAnswers(answers: StarterAnswers): string {
  const { provider, issuerSettings, vendors } = answers;
  const places = vendors.flatMap(({ id, credentials }) => credentials.map(({ option }) => `vendors.${id}.${option}`));
  const parse = (config: object) => {
    try {
      return { issuers: parseConfig(config).issuers, problems: [] };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const problems = error.problems.filter((problem) => !places.some((place) => isAbout(place, problem)));
      return { issuers: [], problems };
    }
  };
  const { issuers, problems } = parse({ issuers: [toIssuer(provider, issuerSettings)] });
  const [issuer] = issuers;
  const iss = issuer === undefined ? '' : exampleIssuer(issuer);
  const config = createStarterConfig(answers, iss, () => 'a secret that init does not know');
  const all = issuer === undefined ? problems : parse(config).problems;
  if (all.length === 0) return iss;
  throw new CommandError(['these answers cannot be used, so no file was written:', ...all].join('\n  '));
}

/** Returns whether a problem is about a field or a part of it: `vendors.vital.apiKey.current: …`. */
function isAbout(place: string, problem: string): boolean {
  return problem.startsWith(`${place}:`) || problem.startsWith(`${place}.`);
}

async function writeFiles(folder: string, files: StarterFiles, force: boolean): Promise<void> {
  let file = folder;
  try {
    await mkdir(folder, { recursive: true });
    for (const name of starterFileNames) {
      file = join(folder, name);
      // `wx` fails if another program has created the file since the check.
      await writeFile(file, files[name], { flag: force ? 'w' : 'wx' });
    }
  } catch (error) {
    const code = codeOfForeignError(error);
    throw code === 'EEXIST' ? alreadyExists(file) : new CommandError(`${file} cannot be written (${code})`);
  }
}

function printNextSteps(folder: string, { vendors }: StarterAnswers): void {
  for (const name of starterFileNames) print(`${markOf('passed')} ${join(folder, name)}`);
  const hasSecrets = vendors.some(({ credentials }) => credentials.length > 0);
  // Node reads the file of the secrets, so no other program is needed for it.
  const command = `node${hasSecrets ? ' --env-file=.env' : ''} ${relative(folder, realpathSync(process.argv[1] ?? ''))}`;
  const steps = [
    'Replace the example values in valetkey.yaml.',
    ...(hasSecrets ? ['Copy .env.example to .env, and write your secrets into .env.'] : []),
    `Check the configuration and what its policy decides, and start the broker${folder === '.' ? '' : `, in ${folder}`}:`,
  ];
  print(`\n${steps.map((step, index) => `${index + 1}. ${step}`).join('\n')}\n`, 3);
  print(`   ${command} check --config valetkey.yaml
   ${command} policy test policy.test.yaml --config valetkey.yaml
   ${command} start --config valetkey.yaml`);
}
