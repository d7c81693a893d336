import { ValetKeyError, VendorSetupError, type SchemaProblem } from '@valetkey/core-types';
import { createRecipeJsonSchema, issuesTokens, type RecipeVendor } from '@valetkey/vendor-clients/recipe';
import { readRecipeFile } from '../config/recipe-files.ts';
import { tryRecipe, type Trial, type TrialStep } from './recipe-trial.ts';
import { createTrialInput, type GivenInput } from './trial-input.ts';
import { markOf, print } from './terminal.ts';

/** The options of `valetkey recipe test`. */
export interface RecipeTestOptions extends GivenInput {
  readonly json?: boolean;
}

/** What is wrong with a recipe or with its trial, and where. */
interface Problem {
  readonly place: string;
  readonly rule: string;
}

type Outcome = { readonly problems: readonly Problem[] } | { readonly vendor: RecipeVendor; readonly trial: Trial };

/**
 * Checks a recipe file, mints a token against the recipe's own sample and prints each step. It calls no other machine. It sets the
 * exit code to 1 if the recipe cannot be used.
 */
export async function testRecipe(file: string, { json = false, ...given }: RecipeTestOptions): Promise<void> {
  const outcome = await runTrial(file, given);
  if ('problems' in outcome) process.exitCode = 1;
  if (json) print(JSON.stringify(toJson(file, outcome), undefined, 2));
  else printOutcome(file, outcome);
}

/** Prints the JSON Schema of a recipe. */
export function printRecipeSchema(): void {
  process.stdout.write(`${JSON.stringify(createRecipeJsonSchema(), undefined, 2)}\n`);
}

async function runTrial(path: string, given: GivenInput): Promise<Outcome> {
  const file = await readRecipeFile(path);
  if ('problems' in file) return { problems: file.problems.map((problem) => splitProblem(path, problem)) };
  const { vendor } = file;
  if (!issuesTokens(vendor)) return { problems: [{ place: 'proxy', rule: forwardsCalls }] };
  const input = createTrialInput(vendor, given);
  if ('problems' in input) return { problems: input.problems.map(toProblem) };
  try {
    return { vendor, trial: await tryRecipe(vendor, input) };
  } catch (error) {
    return { problems: [describeFailure(error)] };
  }
}

const forwardsCalls =
  'has no token to try: the recipe is right, and forwards calls; `valetkey check` and `valetkey doctor` try it in a configuration';

/** Splits a problem of a recipe file, which begins with the file and the place. */
function splitProblem(path: string, problem: string): Problem {
  const rest = problem.startsWith(`${path}: `) ? problem.slice(path.length + 2) : problem;
  const end = rest.indexOf(': ');
  return end < 0 ? { place: path, rule: rest } : { place: rest.slice(0, end), rule: rest.slice(end + 2) };
}

function toProblem({ field, message }: SchemaProblem): Problem {
  return { place: field, rule: message };
}

/** Names the place at which a trial has failed. The reason of an error names a field of the answer. */
function describeFailure(error: unknown): Problem {
  if (VendorSetupError.isInstance(error)) return { place: '--user', rule: error.message };
  if (!ValetKeyError.isInstance(error)) throw error;
  const { code, message, reason = code } = error;
  const [, field] = /^field:(.+)$/.exec(reason) ?? [];
  if (field !== undefined) return { place: `answer.token.${field}`, rule: 'finds no text in the sample' };
  if (reason === 'token_expired') return { place: 'answer.expiry', rule: 'finds a moment in the sample that is over' };
  return { place: 'steps', rule: `${message} (${reason})` };
}

function toJson(file: string, outcome: Outcome): object {
  if ('problems' in outcome) return { file, usable: false, problems: outcome.problems };
  const { vendor, trial } = outcome;
  return { file, usable: true, id: vendor.id, title: vendor.title, problems: [], ...trial };
}

function printOutcome(file: string, outcome: Outcome): void {
  if ('problems' in outcome) {
    for (const { place, rule } of outcome.problems) print(`${markOf('failed')} ${place}: ${rule}`);
    print(`${file} cannot be used.`);
    return;
  }
  const { vendor, trial } = outcome;
  const { recipe } = vendor;
  for (const [index, step] of trial.steps.entries()) printStep(index + 1, step);
  print('The app receives:');
  for (const [name, value] of Object.entries(trial.answer.fields)) print(`  ${name}: ${value}`);
  const { expiresInSeconds } = trial.answer;
  print(`  ${expiresInSeconds === undefined ? 'an unknown life' : `a life of ${expiresInSeconds} seconds`}`);
  if (trial.userId !== undefined) print(`  the user is ${trial.userId} at the vendor`);
  if (recipe.ensure !== undefined) print(`${markOf('not_checked')} ensure: is not tried; the sample has no user`);
  if (recipe.verify !== undefined) print(`${markOf('not_checked')} verify: is not tried; \`valetkey doctor\` sends it`);
  print(`${markOf('passed')} ${file} can be used.`);
}

const meanings: Readonly<Record<TrialStep['does'], string>> = {
  request: 'sends a request',
  jwt: 'signs a JWT',
  signature: 'signs a text',
  token: 'writes a token',
  values: 'names values',
};

function printStep(number: number, { name, does, sent, received, result }: TrialStep): void {
  print(`${number}. ${name}: ${meanings[does]}`);
  if (sent !== undefined) {
    print(`  ${sent.method} ${sent.path}`);
    for (const [header, value] of Object.entries(sent.headers)) print(`  ${header}: ${value}`);
    if (sent.body !== '') print(`  ${sent.body}`);
  }
  if (received !== undefined) print(`  ${received.status} ${received.body}`);
  if (does === 'jwt') for (const part of Object.values(result as object)) print(`  ${JSON.stringify(part)}`);
  else if (result !== undefined) print(`  ${typeof result === 'string' ? result : JSON.stringify(result)}`);
}
