import type { Command } from 'commander';

/** Gives a command its help option and the end of its help text. */
export function finishCommand(command: Command, examples: readonly string[], success: string): Command {
  return command
    .helpOption('-h, --help', 'Prints this help.')
    .showHelpAfterError(`Run \`${pathOf(command)} --help\` to see its options.`)
    .addHelpText('after', describeUse(examples, success));
}

/** Returns the end of a help text. */
export function describeUse(examples: readonly string[], success: string): string {
  const lines = examples.map((example) => `  ${example}`.trimEnd()).join('\n');
  const title = examples.length === 1 ? 'Example' : 'Examples';
  return `\n${title}:\n${lines}\n\nExit code:\n  0 if ${success}, otherwise 1.`;
}

/** Returns the names of a command and of its parents: `valetkey users list`. */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
