import type { SampleJson, SampleResponse } from '@valetkey/core-types';
import type { Recipe, RecipeEnsure } from './recipe-schema.ts';
import { namedValues } from './sample-patterns.ts';
import type { RecipeRequest, RecipeStep } from './step-schema.ts';
import { parseTemplate, type ValueTemplate } from './template.ts';

type Path = readonly string[];
type HttpStep = Extract<RecipeStep, { http: unknown }>;

/** Returns the response to a step: the sample of the recipe, in which tokens and moments vary. */
export function createStepResponse(recipe: Recipe, { as, http }: HttpStep): SampleResponse {
  const { answer, sample } = recipe;
  const body = (sample[as] ?? {}) as SampleJson;
  const { expiry } = answer;
  const [expiresAt] = typeof expiry === 'object' && 'at' in expiry ? pathsInto(recipe, as, expiry.at) : [];
  const [expiresIn] = typeof expiry === 'object' && 'in' in expiry ? pathsInto(recipe, as, expiry.in) : [];
  const tokens = Object.values(answer.token).flatMap((text) => pathsInto(recipe, as, text));
  return {
    ...responseOf(http, body),
    unique: tokens.filter((path) => typeof readPath(body, path) === 'string'),
    expiresAt,
    expiresIn,
  };
}

/** Returns the responses about users: to one that was created, one that was found, and one that exists. */
export function createEnsureResponses(ensure: RecipeEnsure) {
  const { create, find, conflict, rule, userId, foundUserId = userId } = ensure;
  const about = (root: string, text: string) => {
    const path = pathsOf(text).find(([first]) => first === root);
    const inner = path?.slice(1);
    return inner === undefined || inner.length === 0
      ? { body: {}, userId: undefined }
      : { body: writePath({}, inner, 'sample-user'), userId: inner };
  };
  const created: SampleResponse = { ...responseOf(create), ...about('created', userId) };
  const found: SampleResponse = {
    ...(find === undefined ? created : responseOf(find)),
    ...about('found', foundUserId),
  };
  const refusesSecond = conflict !== undefined && rule !== 'upsert' && rule !== 'create-once-and-store';
  return { created, found, conflict: refusesSecond ? { ...found, status: conflict } : undefined };
}

/** Returns the response that shows that the credentials are right. */
export function createVerifyResponse(verify: NonNullable<Recipe['verify']>): SampleResponse {
  const { refusal } = verify;
  if (refusal === undefined) return responseOf(verify);
  let body: SampleJson = {};
  for (const [name, value] of Object.entries(refusal.when)) body = writePath(body, name.split('.'), value);
  return { ...responseOf(verify, body), status: refusal.status };
}

/** Returns the response to a request of which only the status counts. */
export function createEmptyResponse(request: RecipeRequest): SampleResponse {
  return responseOf(request);
}

function responseOf({ expected, read }: RecipeRequest, body: SampleJson = {}): SampleResponse {
  return { status: expected[0] ?? 200, type: read, body, unique: [] };
}

/** Returns the paths within the result of a step that a text reads, also by the names of other steps. */
function pathsInto(recipe: Recipe, as: string, text: string): readonly Path[] {
  const names = namedValues(recipe);
  const follow = (value: ValueTemplate): readonly Path[] => {
    if (typeof value === 'string') return pathsOf(value).flatMap((path) => resolve(path));
    if (typeof value !== 'object' || value === null) return [];
    return Object.values(value).flatMap((member: ValueTemplate) => follow(member));
  };
  const resolve = (path: Path): readonly Path[] => {
    const [root = '', ...rest] = path;
    if (root === as) return [rest];
    const named = names.get(root);
    return named === undefined ? [] : follow(named);
  };
  return follow(text);
}

function pathsOf(text: string): readonly Path[] {
  return parseTemplate(text).flatMap((part) => (typeof part === 'string' ? [] : [part.path]));
}

function readPath(value: SampleJson, path: Path): unknown {
  let found: unknown = value;
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}

/** Returns a copy of a value with another value at a path. A number names a member of a list. */
function writePath(value: SampleJson, path: Path, inner: SampleJson): SampleJson {
  const [name, ...rest] = path;
  if (name === undefined) return inner;
  const isObject = typeof value === 'object' && value !== null;
  const member = isObject && Object.hasOwn(value, name) ? (value as { [name: string]: SampleJson })[name] : undefined;
  const written = writePath(member ?? {}, rest, inner);
  if (name === '0') return [written];
  return { ...(isObject && !Array.isArray(value) && value), [name]: written };
}
