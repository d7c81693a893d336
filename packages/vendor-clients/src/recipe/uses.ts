import { flowOfSignature, flowOfValue, ofResponse, ofSignature, scopeOf, type Flow, type Scope } from './flow.ts';
import type { ProxyRecipe } from './proxy-schema.ts';
import type { Recipe } from './recipe-schema.ts';
import type { RecipeRequest, RecipeStep } from './step-schema.ts';
import { listExpressions, type ValueTemplate } from './template.ts';

/** Where the value of a template goes. */
export type Destination =
  | 'base URL'
  | 'path'
  | 'query'
  | 'header'
  | 'body'
  | 'key'
  | 'claim'
  | 'token header'
  | 'message'
  | 'token text'
  | 'name'
  | 'answer'
  | 'user id'
  | 'response';

/** One text template of a recipe. */
export interface Use {
  /** Its place, such as `steps.0.http.headers.authorization`. */
  readonly place: string;
  readonly destination: Destination;
  readonly text: string;
  /** The names of the fields in which the value is sent, from the outside. */
  readonly names: readonly string[];
  readonly scope: Scope;
}

type Collected = Use[];
type Where = Omit<Use, 'text'>;
type FlowEntry = Scope extends ReadonlyMap<string, infer Entry> ? Entry : never;

/** Returns every template of a recipe, with what it may read at its place. */
export function listUses(recipe: Recipe): readonly Use[] {
  const uses: Collected = [];
  const scope = scopeOf(recipe);
  const { baseUrl, service, ensure, steps, answer, endpoint, revoke, verify } = recipe;
  if (baseUrl !== undefined) add(uses, baseUrl, at('baseUrl', 'base URL', scope));
  if (service !== undefined) {
    add(uses, service.tokenUrl, at('service.tokenUrl', 'base URL', scope));
    const own = without(scope, 'service', 'parameters', 'user');
    add(uses, service.clientId, at('service.clientId', 'body', own));
    add(uses, service.clientSecret, at('service.clientSecret', 'key', own));
  }
  if (ensure !== undefined) addEnsure(uses, ensure, scope);
  for (const [index, step] of steps.entries()) {
    const place = `steps.${index}`;
    if ('set' in step) {
      for (const [name, value] of Object.entries(step.set)) {
        add(uses, value, at(`${place}.set.${name}`, 'name', new Map(scope)));
        scope.set(name, flowOfValue(value, scope));
      }
      continue;
    }
    if ('http' in step) addRequest(uses, step.http, `${place}.http`, new Map(scope));
    if ('jwt' in step) {
      const { header, claims, key } = step.jwt;
      add(uses, header as ValueTemplate, at(`${place}.jwt.header`, 'token header', new Map(scope)));
      add(uses, claims, at(`${place}.jwt.claims`, 'claim', new Map(scope)));
      add(uses, key, at(`${place}.jwt.key`, 'key', new Map(scope)));
    }
    if ('codec' in step) {
      const { certificate, appId, channel, user } = step.codec;
      add(uses, certificate, at(`${place}.codec.certificate`, 'key', new Map(scope)));
      add(uses, { appId, channel, user }, at(`${place}.codec`, 'token text', new Map(scope)));
    }
    if ('sign' in step) {
      const { key, message } = step.sign;
      if (key !== undefined) add(uses, key, at(`${place}.sign.key`, 'key', new Map(scope)));
      add(uses, message, at(`${place}.sign.message`, 'message', new Map(scope)));
    }
    scope.set(step.as, resultOf(step, scope));
  }
  add(uses, answer.token, at('answer.token', 'answer', scope));
  add(uses, answer.details, at('answer.details', 'answer', scope));
  if (typeof answer.expiry === 'object') add(uses, answer.expiry, at('answer.expiry', 'answer', scope));
  if (endpoint !== undefined) {
    const fields = new Map(Object.entries({ ...answer.details, ...answer.token }));
    const token = (name: string) => (fields.has(name) ? flowOfValue(fields.get(name) ?? '', scope) : undefined);
    const responding = new Map<string, FlowEntry>([
      ['token', token],
      ['expires_in', ofSignature],
    ]);
    add(uses, endpoint.respond.body as ValueTemplate, at('endpoint.respond.body', 'response', responding));
    add(uses, endpoint.refuse as ValueTemplate, at('endpoint.refuse', 'response', new Map([['error', ofError]])));
  }
  if (revoke !== undefined) addRevoke(uses, revoke, without(scopeOf(recipe), 'parameters', 'life', 'expiry'));
  if (verify !== undefined) addRequest(uses, verify, 'verify', without(scopeOf(recipe), 'parameters', 'user'));
  return uses;
}

/** Returns the names by which templates read responses, also those that `set` gives to a part of one. */
export function listResponses({ steps }: Recipe): ReadonlySet<string> {
  const names = new Set(['found', 'created']);
  for (const step of steps) {
    if ('http' in step) names.add(step.as);
    if (!('set' in step)) continue;
    for (const [name, value] of Object.entries(step.set)) {
      const roots = typeof value === 'string' ? listExpressions(value).map(({ path: [root = ''] }) => root) : [];
      if (roots.some((root) => names.has(root))) names.add(name);
    }
  }
  return names;
}

/** Returns what later templates may read of a step. */
function resultOf(step: RecipeStep, scope: Scope): Flow {
  if ('http' in step) return ofResponse;
  return 'sign' in step ? flowOfSignature(step.sign, scope) : ofSignature;
}
/** Returns every template of a recipe that forwards calls. What is injected reads secrets alone. */
export function listProxyUses(recipe: ProxyRecipe): readonly Use[] {
  const uses: Collected = [];
  const scope = scopeOf({ ...recipe, parameters: {} });
  const { baseUrl, proxy, verify } = recipe;
  add(uses, baseUrl, at('baseUrl', 'base URL', scope));
  add(uses, proxy.inject, at('proxy.inject', 'header', new Map([...scope].filter(([name]) => name === 'secrets'))));
  add(uses, proxy.refuse as ValueTemplate, at('proxy.refuse', 'response', new Map([['error', ofError]])));
  if (verify !== undefined) addRequest(uses, verify, 'verify', scope);
  return uses;
}

/** What the body of an error may read. */
const ofError = (name: string) => (['code', 'detail', 'status'].includes(name) ? ofSignature : undefined);

/** Returns what a request may read that is sent for no token. */
function without(scope: Scope, ...names: readonly string[]): Map<string, FlowEntry> {
  return new Map([...scope].filter(([name]) => !names.includes(name)));
}

const at = (place: string, destination: Destination, scope: Scope): Where => ({ place, destination, scope, names: [] });

function addEnsure(uses: Collected, ensure: NonNullable<Recipe['ensure']>, scope: Scope): void {
  const inner = without(scope, 'parameters');
  if (ensure.find !== undefined) addRequest(uses, ensure.find, 'ensure.find', new Map(inner));
  addRequest(uses, ensure.create, 'ensure.create', new Map(inner));
  inner.set('found', ofResponse).set('created', ofResponse);
  add(uses, ensure.userId, at('ensure.userId', 'user id', inner));
  if (ensure.foundUserId !== undefined) add(uses, ensure.foundUserId, at('ensure.foundUserId', 'user id', inner));
}

function addRevoke(uses: Collected, { set, http }: NonNullable<Recipe['revoke']>, scope: Map<string, FlowEntry>): void {
  for (const [name, value] of Object.entries(set)) {
    add(uses, value, at(`revoke.set.${name}`, 'name', new Map(scope)));
    scope.set(name, flowOfValue(value, scope));
  }
  addRequest(uses, http, 'revoke.http', scope);
}

function addRequest(uses: Collected, request: RecipeRequest, place: string, scope: Scope): void {
  const { path, query, headers, json, form, sign } = request;
  add(uses, path, at(`${place}.path`, 'path', scope));
  if (query !== undefined) add(uses, query, at(`${place}.query`, 'query', scope));
  add(uses, headers, at(`${place}.headers`, 'header', scope));
  if (json !== undefined) add(uses, json, at(`${place}.json`, 'body', scope));
  if (sign !== undefined) {
    const { service, region, accessKeyId, secretAccessKey } = sign;
    add(uses, secretAccessKey, at(`${place}.sign.secretAccessKey`, 'key', scope));
    add(uses, { service, region, accessKeyId }, at(`${place}.sign`, 'message', scope));
  }
  if (form !== undefined) add(uses, form, at(`${place}.form`, 'body', scope));
}

function add(uses: Collected, value: ValueTemplate, where: Where): void {
  if (typeof value === 'string') {
    uses.push({ ...where, text: value });
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const isList = Array.isArray(value);
  for (const [name, member] of Object.entries(value)) {
    const names = isList ? where.names : [...where.names, name];
    add(uses, member as ValueTemplate, { ...where, place: `${where.place}.${name}`, names });
  }
}
