import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { codeOfForeignError } from '@valetkey/core-types';
import { readConnectionVendors } from '../config/connection-vendors.ts';
import { CommandError } from './command-error.ts';
import { renderConnectionTypes } from './connection-types.ts';
import { countOf, markOf, print } from './terminal.ts';

/** The options of `valetkey types`. */
export interface TypesOptions {
  readonly config: string;
  readonly out?: string;
  readonly check?: boolean;
}

/**
 * Writes the declaration of the connections of a configuration. With `check`, it writes nothing, and sets the exit code to 1 if the
 * file differs.
 */
export async function writeTypes({ config, out, check = false }: TypesOptions): Promise<void> {
  if (check && out === undefined) throw new CommandError('`--check` needs `--out <file>`, the file to compare');
  if (out !== undefined) checkName(out);
  const vendors = await readConnectionVendors(config);
  if (vendors.size === 0) throw new CommandError(`${config} has no connections; add one under \`vendors\``);
  const declaration = renderConnectionTypes(vendors);
  if (out === undefined) process.stdout.write(declaration);
  else if (check) await compare(out, declaration, config);
  else {
    await writeFile(out, declaration).catch((error: unknown) => {
      throw new CommandError(`${out} cannot be written (${codeOfForeignError(error)})`);
    });
    print(`The types of ${countOf(vendors.size, 'connection')} are in ${out}.`);
  }
}

function checkName(out: string): void {
  const [, base, extension] = /^(.*)\.d(\.[cm]?ts)$/.exec(out) ?? [];
  if (base === undefined || extension === undefined) {
    throw new CommandError('`--out` must end in .d.ts, .d.mts or .d.cts, so that it replaces no other kind of file');
  }
  // Without this check, every name would still compile, and no message would say why.
  const source = [extension, extension.replace(/^\.ts$/, '.tsx')]
    .map((ending) => `${base}${ending}`)
    .find((file) => existsSync(file));
  if (source !== undefined) {
    throw new CommandError(
      `TypeScript ignores ${out} because ${source} is beside it; choose another name for \`--out\``,
    );
  }
}

async function compare(out: string, declaration: string, config: string): Promise<void> {
  const found = await readFile(out, 'utf8').catch((error: unknown) => {
    const code = codeOfForeignError(error);
    if (code !== 'ENOENT') throw new CommandError(`${out} cannot be read (${code})`);
  });
  // Git may write the ends of lines as Windows does.
  if (found?.replaceAll('\r\n', '\n') === declaration) {
    print(`${markOf('passed')} ${out} has the connections of ${config}.`);
    return;
  }
  const problem = found === undefined ? 'does not exist' : `differs from the connections of ${config}`;
  print(`${markOf('failed')} ${out} ${problem}; run \`valetkey types --config ${config} --out ${out}\``);
  process.exitCode = 1;
}
