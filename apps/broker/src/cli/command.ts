import { codeOfForeignError, describeForeignError } from '@valetkey/core-types';
import { ConfigError } from '../config/config-error.ts';
import { CommandError } from './command-error.ts';
import { program } from './program.ts';
import { printError } from './terminal.ts';
import { InputCancelled } from './token-input.ts';

// A diagnostic report, which an operator can let Node write, would have every secret that the environment has.
process.report.excludeEnv = true;

// A reader such as `head` may close the pipe. The broker then continues without that output.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/** Returns a text about an error without the message of a foreign error, because that may quote a secret. */
function describeFailure(error: unknown): string {
  if (error instanceof CommandError || error instanceof ConfigError) return error.message;
  const name = error instanceof Error ? error.name : 'Error';
  return `failed (${codeOfForeignError(error) ?? name})`;
}

// An operator's module or adapter may leave an error unhandled. Node would print its message and fields, which may quote a secret.
process.on('uncaughtException', (error) => {
  const { frames = [] } = describeForeignError(error);
  printError([`valetkey: ended by an unhandled error: ${describeFailure(error)}`, ...frames].join('\n  '));
  process.exit(1);
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof InputCancelled) process.exit(130);
  printError(`valetkey: ${describeFailure(error)}`);
  process.exitCode = 1;
}
