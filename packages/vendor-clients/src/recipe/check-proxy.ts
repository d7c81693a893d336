import type { AllowedCall, SchemaProblem } from '@valetkey/core-types';
import { allowedCallSchema, isBound } from '../kit/allowed-calls.ts';
import { parseCharacters } from './character-set.ts';
import { findUseProblems, reservedHeaders } from './check-templates.ts';
import { optionNameOf } from './field-rules.ts';
import { fillPath } from './proxied-calls.ts';
import type { BodyRule, FieldRule, ProxyCall, ProxyRecipe } from './proxy-schema.ts';
import type { RecipeOption } from './recipe-schema.ts';
import { listProxyUses } from './uses.ts';

type Report = (field: string, message: string) => void;

/** Returns what is wrong with a recipe that forwards calls. */
export function findProxyProblems(recipe: ProxyRecipe): readonly SchemaProblem[] {
  const problems: SchemaProblem[] = [];
  const report: Report = (field, message) => void problems.push({ field, message });
  checkNames(recipe, report);
  checkHeaders(recipe, report);
  for (const [index, call] of recipe.proxy.calls.entries()) checkCall(call, `proxy.calls.${index}`, recipe, report);
  checkUnread(recipe, report);
  return [...problems, ...findUseProblems(listProxyUses(recipe), recipe)];
}

const reservedOptions = new Set(['baseUrl', 'timeoutMs', 'streamTimeoutMs', 'maxRequestBytes', 'maxResponseBytes']);

function checkNames({ secrets, options }: ProxyRecipe, report: Report): void {
  for (const [kind, names] of Object.entries({ secrets, options })) {
    for (const name of Object.keys(names)) {
      if (reservedOptions.has(name)) report(`${kind}.${name}`, 'is an option of every recipe with `proxy`');
    }
  }
  for (const [name, { type }] of Object.entries(secrets)) {
    if (type !== 'text') report(`secrets.${name}.type`, 'must be `text`: a header holds a text');
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(secrets, name)) report(`options.${name}`, 'is the name of a secret');
  }
}

/** Headers that name a caller, a key or another method, and headers with which a server decides whom it trusts. */
const credentialWords =
  /(?:^|-)(?:api-?key|auth|authorization|authenticat\w*|cookie2?|key|passw\w*|secret|session|signature|token)(?:-|$)/;
const trustedHeaders =
  /^(?:forwarded|via|dpop|origin|referer|proxy-.*|sec-.*|cf-.*|x-forwarded-.*|x-real-.*|x-http-method.*|x-method-override|x-original-.*)$/;

function checkHeaders({ proxy }: ProxyRecipe, report: Report): void {
  const { carriers, inject, headers } = proxy;
  const names = carriers.map(({ header }) => header);
  for (const [index, { header, scheme }] of carriers.entries()) {
    const field = `proxy.carriers.${index}`;
    if (names.indexOf(header) !== index) report(field, 'is named a second time');
    if (header === 'authorization' && scheme === undefined) report(field, 'must have `scheme`');
    if (header !== 'authorization' && scheme !== undefined) report(field, 'has a scheme, which only authorization has');
    if (reservedHeaders.has(header) || /^(?:dpop|origin)$/.test(header))
      report(field, 'is a header that HTTP or the broker sets');
  }
  if (!Object.values(inject).some((text) => /\{\s*secrets\./.test(text))) report('proxy.inject', 'must read a secret');
  for (const [index, name] of headers.entries()) {
    const isTaken = reservedHeaders.has(name) || names.includes(name) || Object.hasOwn(inject, name);
    if (isTaken || credentialWords.test(name) || trustedHeaders.test(name)) {
      report(
        `proxy.headers.${index}`,
        'is a header of HTTP, of the broker, of a proxy or of a credential, which the vendor never receives from a caller',
      );
    }
  }
}

const namesCredential = /^(?:api[_-]?)?key$|token|secret|^auth|callback|signature|password/i;

function checkCall(call: ProxyCall, place: string, { options }: ProxyRecipe, report: Report): void {
  const { method, paths, query, freeQuery, body } = call;
  for (const [index, path] of paths.entries()) {
    checkPath({ method, path }, options, (message) => report(`${place}.paths.${index}`, message));
  }
  if (method === 'GET' && body !== undefined) report(`${place}.body`, 'has no effect: a GET has no body');
  for (const name of freeQuery) {
    if (Object.hasOwn(query, name)) report(`${place}.freeQuery`, `names \`${name}\`, which \`query\` binds`);
  }
  const all = [...Object.keys(query), ...freeQuery];
  for (const name of all.filter((one) => namesCredential.test(one))) {
    report(`${place}.query`, `names \`${name}\`: a credential or an address in a query is never forwarded`);
  }
  for (const [name, rule] of Object.entries(query))
    checkRule({ rule, place: `${place}.query.${name}`, options, report });
  for (const [name, rule] of Object.entries(body ?? {})) {
    checkRule({ rule, place: `${place}.body.${name}`, options, report });
  }
}

function checkPath(
  { method, path }: AllowedCall,
  options: ProxyRecipe['options'],
  report: (message: string) => void,
): void {
  const used = [...path.matchAll(/\{options\.([A-Za-z0-9]+)\}/g)].map(([, name = '']) => name);
  if (used.length > 1) report('must read only one option');
  for (const name of used) {
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    if (option?.type === 'list' && fitsIntoPath(option)) continue;
    report(`must read an option of the type \`list\` whose \`characters\` are of A-Za-z0-9._~-, not ${name}`);
  }
  const [sample = path] = fillPath(path, Object.fromEntries(used.map((name) => [name, ['x']])));
  if (isBound(sample) || !allowedCallSchema.safeParse({ method, path: sample }).success) {
    report('must be a path such as /v1/messages or /v1/models/{options.models}:generate, without a claim');
  }
}

function fitsIntoPath({ characters, values }: RecipeOption): boolean {
  const outside = [...'/\\%?#; \'"{}()*$&+,=:@!|<>[]^`\u00e9\u0000'];
  if (values !== undefined) return values.every((text) => !outside.some((one) => text.includes(one)));
  return characters !== undefined && !outside.some((one) => parseCharacters(characters).has(one));
}

interface CheckedRule {
  readonly rule: FieldRule | BodyRule;
  readonly place: string;
  readonly options: ProxyRecipe['options'];
  readonly report: Report;
}

function checkRule({ rule, place, options, report }: CheckedRule): void {
  const kinds = (['in', 'max', 'maxLength', 'never', 'each'] as const).filter(
    (kind) => kind in rule && (rule as BodyRule)[kind] !== undefined,
  );
  if (kinds.length !== 1) report(place, 'must have exactly one of `in`, `max`, `maxLength`, `never` and `each`');
  if (rule.never === true && rule.optional === true) report(place, 'is refused, so that `optional` has no effect');
  for (const kind of ['in', 'max', 'maxLength'] as const) {
    const text = rule[kind];
    if (typeof text !== 'string') continue;
    const name = optionNameOf(text);
    const type = Object.hasOwn(options, name) ? options[name]?.type : undefined;
    const expected = kind === 'in' ? 'list' : 'number';
    if (type !== expected) report(`${place}.${kind}`, `must read an option of the type \`${expected}\`, not ${name}`);
  }
  if (!('each' in rule) || rule.each === undefined) return;
  const { only, fields } = rule.each;
  if (only === undefined && Object.keys(fields).length === 0) report(`${place}.each`, 'must have `only` or `fields`');
  for (const [pointer, member] of Object.entries(fields)) {
    checkRule({ rule: member, place: `${place}.each.fields.${pointer}`, options, report });
  }
}

function checkUnread({ secrets, options, ...rest }: ProxyRecipe, report: Report): void {
  const text = JSON.stringify(rest);
  for (const [kind, declared] of Object.entries({ secrets, options })) {
    for (const name of Object.keys(declared)) {
      if (!new RegExp(`\\{\\s*${kind}\\.${name}\\b`).test(text)) report(`${kind}.${name}`, 'is read nowhere');
    }
  }
}
