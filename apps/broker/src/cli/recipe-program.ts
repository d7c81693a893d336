import type { Command } from 'commander';
import { finishCommand } from './command-help.ts';
import type { RecipeTestOptions } from './recipe-test.ts';

/** Adds the commands of `valetkey recipe`, with which an operator writes a vendor of its own. */
export function addRecipeCommands(program: Command): void {
  const recipe = program
    .command('recipe')
    .description('Helps to write a recipe: a vendor of your own, as a .yaml or .json file.')
    .usage('<command> [options]')
    .helpCommand(false);
  finishCommand(recipe, ['valetkey recipe test acme.recipe.yaml'], 'the command succeeded');

  const test = recipe
    .command('test')
    .description(
      "Checks a recipe, and gets a token with made secrets against the recipe's own sample. Prints each step, without secrets. " +
        'Calls no other machine.',
    )
    .usage('<file> [options]')
    .argument('<file>', 'The recipe, a .yaml or .json file.')
    .option('--set <name=value>', 'Sets an option of the connection. May be repeated.', collect, [])
    .option('--parameter <name=value>', 'Sets a parameter. May be repeated.', collect, [])
    .option('--user <id>', 'Gets the token for this user.', 'alice')
    .option('--json', 'Prints the result as JSON.')
    .action(async (file: string, options: RecipeTestOptions) =>
      (await import('./recipe-test.ts')).testRecipe(file, options),
    );
  finishCommand(
    test,
    [
      'valetkey recipe test acme.recipe.yaml',
      'valetkey recipe test acme.recipe.yaml --set region=eu --parameter room=lobby',
    ],
    'the recipe can be used and its sample results in a token',
  );

  const schema = recipe
    .command('schema')
    .description('Prints the JSON Schema of recipes, for editors.')
    .usage('')
    .action(async () => (await import('./recipe-test.ts')).printRecipeSchema());
  finishCommand(schema, ['valetkey recipe schema > recipe.schema.json'], 'the schema was printed');
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
