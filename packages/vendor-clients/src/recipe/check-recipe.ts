import type { SchemaProblem } from '@valetkey/core-types';
import { listSchemaProblems } from '@valetkey/core-types';
import { findTemplateProblems } from './check-templates.ts';
import { findTokenProblems, readsAny } from './check-token.ts';
import { parseCharacters } from './character-set.ts';
import { findEndpointProblems, findParameterProblems } from './check-parameters.ts';
import { findProxyProblems } from './check-proxy.ts';
import { proxyRecipeSchema, type ProxyRecipe } from './proxy-schema.ts';
import { recipeSchema, type Recipe } from './recipe-schema.ts';
import { findSizeProblems } from './recipe-bounds.ts';
import { findExampleProblems } from './connection-values.ts';
import { acceptsHashes, hashedLength } from './subject.ts';
import { listExpressions } from './template.ts';
import { listUses } from './uses.ts';

/** A recipe that can be used, or what is wrong with it. */
export type RecipeCheck = { readonly recipe: Recipe | ProxyRecipe } | { readonly problems: readonly SchemaProblem[] };

/**
 * Checks a recipe, which either issues tokens or forwards calls. A problem names its place and a rule, and never quotes more
 * than names of the recipe.
 */
export function checkRecipe(data: unknown): RecipeCheck {
  const tooLarge = findSizeProblems(data);
  if (tooLarge.length > 0) return { problems: tooLarge };
  const given = typeof data === 'object' && data !== null ? data : {};
  if (Object.hasOwn(given, 'proxy')) return checkProxyRecipe(given);
  if (!Object.hasOwn(given, 'steps')) {
    return {
      problems: [{ field: 'steps', message: 'is missing: a recipe has either `steps` and `answer`, or `proxy`' }],
    };
  }
  // A recipe is parsed once, so that compiling the parser would take longer than the parsing.
  const { data: recipe, error } = recipeSchema.safeParse(data, { jitless: true });
  if (error !== undefined) return { problems: listSchemaProblems(error, recipeSchema, data) };
  const early = [...findCharacterProblems(recipe), ...findNameProblems(recipe)];
  if (early.length > 0) return { problems: early };
  const problems = [
    ...findBindingProblems(recipe),
    ...findTokenProblems(recipe),
    ...findStepProblems(recipe),
    ...findEnsureProblems(recipe),
    ...findErrorProblems(recipe),
    ...findEndpointProblems(recipe),
    ...findRevokeProblems(recipe),
    ...findUnreadProblems(recipe),
    ...findParameterProblems(recipe),
    ...findSampleProblems(recipe),
    ...findExampleProblems(recipe),
    ...findTemplateProblems(recipe),
  ];
  return problems.length > 0 ? { problems } : { recipe };
}

type Characters = Pick<Recipe, 'options' | 'parameters'> & Partial<Pick<Recipe, 'subject'>>;

const mintingParts = Object.keys(recipeSchema.shape).filter((name) => !Object.hasOwn(proxyRecipeSchema.shape, name));

function checkProxyRecipe(data: object): RecipeCheck {
  const others = mintingParts.filter((name) => Object.hasOwn(data, name));
  if (others.length > 0) {
    const message = 'cannot be in a recipe with `proxy`: a recipe either issues tokens or forwards calls';
    return { problems: others.map((field) => ({ field, message })) };
  }
  const { data: recipe, error } = proxyRecipeSchema.safeParse(data, { jitless: true });
  if (error !== undefined) return { problems: listSchemaProblems(error, proxyRecipeSchema, data) };
  const early = findCharacterProblems({ ...recipe, parameters: {} });
  const problems = early.length > 0 ? early : [...findErrorProblems(recipe), ...findProxyProblems(recipe)];
  return problems.length > 0 ? { problems } : { recipe };
}

function findCharacterProblems({ subject, options, parameters }: Characters): readonly SchemaProblem[] {
  const sets = [
    ['subject.characters', subject?.characters] as const,
    ...Object.entries(options).map(([name, { characters }]) => [`options.${name}.characters`, characters] as const),
    ...Object.entries(parameters).map(
      ([name, { characters }]) => [`parameters.${name}.characters`, characters] as const,
    ),
  ];
  return sets.flatMap(([field, characters]) => {
    try {
      if (characters !== undefined) parseCharacters(characters);
      return [];
    } catch (error) {
      return [{ field, message: error instanceof TypeError ? error.message : 'cannot be read' }];
    }
  });
}

const roots = new Set([
  'secrets',
  'options',
  'parameters',
  'user',
  'service',
  'life',
  'now',
  'expiry',
  'uuid',
  'found',
  'created',
]);
const reservedOptions = new Set(['baseUrl', 'tokenUrl', 'expiresInSeconds', 'set', 'allow', 'cache', 'timeoutMs']);

function findNameProblems({ secrets, options, steps }: Recipe): readonly SchemaProblem[] {
  const problems: SchemaProblem[] = [];
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(secrets, name)) problems.push({ field: `options.${name}`, message: 'is the name of a secret' });
  }
  for (const [kind, names] of Object.entries({ secrets, options })) {
    for (const name of Object.keys(names)) {
      if (reservedOptions.has(name))
        problems.push({ field: `${kind}.${name}`, message: 'is an option of every recipe' });
    }
  }
  const seen = new Set(roots);
  for (const [index, step] of steps.entries()) {
    for (const name of 'set' in step ? Object.keys(step.set) : [step.as]) {
      if (seen.has(name)) problems.push({ field: `steps.${index}`, message: `names \`${name}\` a second time` });
      seen.add(name);
    }
  }
  return problems;
}

function findBindingProblems(recipe: Recipe): readonly SchemaProblem[] {
  const { binding, keep, subject, ensure, life, answer } = recipe;
  const problems: SchemaProblem[] = [];
  const report = (field: string, message: string) => problems.push({ field, message });
  if (keep === 'account' && binding === 'user') report('keep', 'must be `never`: a token of one user may not be kept');
  if (keep === 'account' && answer.uses === 'once') report('keep', 'must be `never`: the token works only once');
  if (binding === 'user' && subject === undefined) report('subject', 'is missing: a token of a user names the user');
  if (binding === 'account' && ensure !== undefined) report('ensure', 'has no effect: the token names no user');
  if (binding === 'account' && subject !== undefined) report('subject', 'has no effect: the token names no user');
  if (subject?.givenBy === 'vendor' && ensure !== undefined) {
    report('ensure', 'has no effect: the vendor gives the ids, which the operator maps');
  }
  if (subject?.otherwise === 'hash' && !acceptsHashes(subject)) {
    report('subject', `cannot be hashed: a hash has ${hashedLength} characters of a-z and 0-9`);
  }
  if (life !== undefined && !(life.min <= life.default && life.default <= life.max)) {
    report('life', 'must have `min` at most `default`, and `default` at most `max`');
  }
  if (answer.expiry === 'asked' && life === undefined) report('answer.expiry', 'needs `life`');
  if (Object.keys(answer.token).length === 0) report('answer.token', 'is empty');
  const results = new Set(recipe.steps.flatMap((step) => ('set' in step ? Object.keys(step.set) : [step.as])));
  for (const [name, text] of Object.entries(answer.token)) {
    const [root] = listExpressions(text)[0]?.path ?? [];
    if (root === undefined || !results.has(root))
      report(`answer.token.${name}`, 'must begin with the result of a step');
  }
  return problems;
}

function findStepProblems(recipe: Recipe): readonly SchemaProblem[] {
  const { steps, baseUrl, ensure, revoke, verify, life } = recipe;
  const problems: SchemaProblem[] = [];
  const report = (field: string, message: string) => problems.push({ field, message });
  const callsVendor =
    [ensure, revoke, verify].some((part) => part !== undefined) || steps.some((step) => 'http' in step);
  if (callsVendor && baseUrl === undefined) report('baseUrl', 'is missing: a request needs it');
  if (!callsVendor && baseUrl !== undefined) report('baseUrl', 'has no effect: no request is sent');
  for (const [index, step] of steps.entries()) {
    if ('jwt' in step) {
      const { exp } = step.jwt.claims;
      if (exp !== '{expiry}') report(`steps.${index}.jwt.claims.exp`, 'must be {expiry}: a token must expire');
      if (life === undefined) report('life', 'is missing: a token must expire');
    }
    if ('codec' in step && life === undefined) report('life', 'is missing: a token must expire');
    if ('sign' in step) {
      const { hmac, digest, signature, key } = step.sign;
      const kinds = [hmac, digest, signature].filter((kind) => kind !== undefined).length;
      if (kinds !== 1) report(`steps.${index}.sign`, 'must have exactly one of `hmac`, `digest` and `signature`');
      else if ((key === undefined) !== (digest !== undefined)) {
        report(`steps.${index}.sign`, 'must have `hmac` and `key`, or `signature` and `key`, or only `digest`');
      }
    }
    if ('http' in step && step.http.json !== undefined && step.http.form !== undefined) {
      report(`steps.${index}.http`, 'must have only one of `json` and `form`');
    }
    if ('http' in step && step.http.method === 'GET' && (step.http.json ?? step.http.form) !== undefined) {
      report(`steps.${index}.http`, 'must have no body: a GET has none');
    }
  }
  return problems;
}

function findUnreadProblems(recipe: Recipe): readonly SchemaProblem[] {
  const read = new Set(
    listUses(recipe).flatMap(({ text }) => listExpressions(text).map(({ path }) => path.slice(0, 2).join('.'))),
  );
  const { secrets, options, parameters } = recipe;
  return Object.entries({ secrets, options, parameters }).flatMap(([kind, declared]) =>
    Object.keys(declared)
      .filter((name) => !read.has(`${kind}.${name}`))
      .map((name) => ({ field: `${kind}.${name}`, message: 'is read nowhere' })),
  );
}

function findEnsureProblems({ ensure }: Recipe): readonly SchemaProblem[] {
  const problems: SchemaProblem[] = [];
  const report = (field: string, message: string) => problems.push({ field, message });
  const { rule, conflict, find } = ensure ?? {};
  const needsConflict = rule === 'exists-is-fine' || rule === 'conflict-carries-id';
  if (needsConflict && conflict === undefined) report('ensure.conflict', `is missing: \`${rule}\` needs it`);
  if (rule === 'find-then-create' && find === undefined) report('ensure.find', `is missing: \`${rule}\` needs it`);
  return problems;
}

function findErrorProblems({ errors }: Pick<Recipe, 'errors'>): readonly SchemaProblem[] {
  const problems: SchemaProblem[] = [];
  const unconditional = new Set<number>();
  for (const [index, { status, when }] of errors.entries()) {
    if (unconditional.has(status)) {
      problems.push({
        field: `errors.${index}.status`,
        message: 'is named a second time, after an entry without `when`',
      });
    }
    if (when === undefined) unconditional.add(status);
  }
  return problems;
}

/** A request that withdraws tokens must name the user, or it would withdraw those of everyone. */
function findRevokeProblems(recipe: Recipe): readonly SchemaProblem[] {
  const { revoke, binding } = recipe;
  if (revoke === undefined) return [];
  if (binding === 'account') return [{ field: 'revoke', message: 'has no effect: the token names no user' }];
  const seen = new Set(roots);
  const repeated = Object.keys(revoke.set).filter((name) => seen.has(name));
  const uses = listUses(recipe);
  const naming = new Set(['user']);
  for (const name of Object.keys(revoke.set)) {
    if (readsAny(uses, `revoke.set.${name}`, naming)) naming.add(name);
  }
  const namesUser = readsAny(uses, 'revoke.http', naming);
  return [
    ...repeated.map((name) => ({ field: `revoke.set.${name}`, message: 'has the name of a value that exists' })),
    ...(namesUser
      ? []
      : [{ field: 'revoke.http', message: 'must read {user.id}: it withdraws the tokens of one user' }]),
  ];
}

function findSampleProblems({ steps, sample }: Recipe): readonly SchemaProblem[] {
  const names = new Set(steps.flatMap((step) => ('http' in step ? [step.as] : [])));
  return [
    ...[...names]
      .filter((name) => !Object.hasOwn(sample, name))
      .map((name) => ({
        field: `sample.${name}`,
        message: 'is missing: the sandbox sends it as the response of the vendor',
      })),
    ...Object.keys(sample)
      .filter((name) => !names.has(name))
      .map((name) => ({ field: `sample.${name}`, message: 'is no step that sends a request' })),
  ];
}
