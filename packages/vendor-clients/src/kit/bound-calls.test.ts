import type { AllowedCall, Principal } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { allowedCallSchema, claimsOfPath, isCallAllowed } from './allowed-calls.ts';
import { findBindingProblem, findCallRefusal } from './bound-calls.ts';
import { forwardOptions } from './forward-call.ts';

const own = { method: 'GET', path: "/Patients('{claim:patient_id}')", query: ['$select', 'page'] };
const alice: Principal = {
  issuer: 'https://id.example.com',
  subject: 'alice',
  scopes: [],
  claims: { patient_id: 'p-1', nested: { id: 'n-1' }, 'https://example.com/id': 'u-1' },
};

function causeOf(
  path: string,
  {
    query = '',
    method = 'GET',
    allow = [own],
    principal = {},
  }: { query?: string; method?: string; allow?: readonly AllowedCall[]; principal?: Partial<Principal> } = {},
) {
  return findCallRefusal(allow, { method, path, query }, { ...alice, ...principal })?.cause;
}

test.each([
  ["/Patients('p-1')", ''],
  ["/Patients('p-1')", '?'],
  ["/Patients('p-1')", '?$select=Name'],
  ["/Patients('p-1')", '?%24select=Name,Id&page=2'],
  ["/Patients('p-1')", '?$select'],
  ['/Patients%28%27p-1%27%29', ''],
])('the own record %s with the query %j is allowed', (path, query) => {
  expect(causeOf(path, { query })).toBeUndefined();
});

test.each([
  ["/Patients('p-2')", 'segment'],
  ["/Patients('P-1')", 'segment'],
  ["/Patients('p-1 ')", 'not_listed'],
  ["/Patients('p-1%20')", 'segment'],
  ["/Patients('p-1'')", 'segment'],
  ["/Patients('p-10')", 'segment'],
  ["/Patients('p-1','p-2')", 'segment'],
  ["/patients('p-1')", 'segment'],
  ['/Patients(p-1)', 'not_listed'],
  ["/Patients('p-1')/Notes", 'not_listed'],
  ["/Patients('p%2D1')", 'encoding'],
  ["/Patients('%70-1')", 'encoding'],
  ["/Patients('p%2d1')", 'encoding'],
  ["/Patients%28'p-1'%29", undefined],
  ['/Patients(%27p-1%27)', undefined],
  ["/%50atients('p-1')", 'encoding'],
  ["/Patients('p-1%2F')", 'not_listed'],
  ["/Patients('p-1%2f..')", 'not_listed'],
  ["/Patients('p%252D1')", 'not_listed'],
  ["/Patients('p-1')%2e", 'encoding'],
  ["/Patients('p-1');v=1", 'segment'],
  ["/Patients('p-1')%20", 'segment'],
  ["/Patients('%C3%A9')", 'segment'],
  ["/Patients('%c3%a9')", 'encoding'],
  ['/$batch', 'batch'],
  ['/$Batch', 'batch'],
  ["/Patients('p-1')/$query", 'batch'],
])('the path %s is refused with the cause %s', (path, cause) => {
  expect(causeOf(path)).toBe(cause);
});

test.each([
  '?$filter=true',
  '?$select=Name&$filter=true',
  '?select=Name',
  '?$Select=Name',
  '?%2524select=Name',
  '?%73elect=Name',
  '?$select=Name;$filter=true',
  '?$select%20=Name',
  '?$select[]=Name',
  '?&$select=Name',
  '?$select=Name&',
  '?=Name',
])('the own record with the query %s is refused, because it has a parameter that the entry does not name', (query) => {
  expect(causeOf("/Patients('p-1')", { query })).toBe('query');
});

test('a bound path that names no query parameters allows none', () => {
  const allow = [{ method: 'GET', path: "/Patients('{claim:patient_id}')" }];
  expect(causeOf("/Patients('p-1')", { allow })).toBeUndefined();
  expect(causeOf("/Patients('p-1')", { allow, query: '?$select=Name' })).toBe('query');
});

test.each<[string, unknown]>([
  ['missing', undefined],
  ['empty', ''],
  ['null', null],
  ['true', true],
  ['an object', { id: 'p-1' }],
  ['a list', ['p-1']],
  ['a fraction', 1.5],
  ['negative', -1],
  ['a number that a parser has rounded', 9_007_199_254_740_992],
  ['10 kB long', 'p'.repeat(10_240)],
  ['half a character', 'p-1\ud800'],
  ['with a quote', "p-1''"],
  ['with a comma', 'p-1,p-2'],
  ['with an equals sign', 'id=p-1'],
  ['with a parenthesis', 'p-1)'],
  ['with a slash', 'p/1'],
  ['with a percent sign', 'p%201'],
  ['with a space', 'p 1'],
  ['with a dot at the end', 'p-1.'],
  ['only dots', '..'],
  ['a placeholder', '{claim:patient_id}'],
  ['an asterisk', '*'],
  ['an alias of OData', '@p'],
  ['with a line break', 'p-1\n'],
])('a claim that is %s refuses the bound path, whatever the path is', (_, value) => {
  const principal = { claims: value === undefined ? {} : { patient_id: value } };
  const text = typeof value === 'string' ? encodeURIComponent(value.toWellFormed()) : String(value);
  for (const path of [`/Patients('${text}')`, "/Patients('p-1')", "/Patients('undefined')", "/Patients('null')"]) {
    expect(causeOf(path, { principal })).not.toBeUndefined();
  }
  expect(findBindingProblem(own, { ...alice, ...principal })).toBe('claim');
});

test.each(['__proto__', 'constructor', 'toString', '__proto__.id'])(
  'a path that is bound to the claim %s ignores inherited properties',
  (claim) => {
    const allow = [{ method: 'GET', path: `/Patients({claim:${claim}})` }];
    const claims = Object.create({ [claim]: 'p-1', id: 'p-1' }) as Principal['claims'];
    expect(causeOf('/Patients(p-1)', { allow, principal: { claims } })).toBe('claim');
  },
);

test.each<[string, string, Partial<Principal>]>([
  ['/A({claim:nested.id})', '/A(n-1)', {}],
  ['/A/{claim:https://example.com/id}/B', '/A/u-1/B', {}],
  ['/A({claim:sub})', '/A(alice)', {}],
  ['/A({claim:number})', '/A(42)', { claims: { number: 42 } }],
  ['/A/{claim:id}', '/A/auth0%7C123', { claims: { id: 'auth0|123' } }],
  [
    '/A({claim:id})',
    '/A(9B7B0F0C-0000-4000-8000-000000000000)',
    { claims: { id: '9b7b0f0c-0000-4000-8000-000000000000' } },
  ],
  ['/{claim:sub}/A({claim:nested.id})/{x}', '/alice/A(n-1)/7', {}],
])('the pattern %s allows the path %s of the caller', (path, target, principal) => {
  const allow = [{ method: 'GET', path }];
  expect(allowedCallSchema.safeParse(allow[0]).success).toBe(true);
  expect(causeOf(target, { allow, principal })).toBeUndefined();
  expect(causeOf(target.replace(/.$/, 'x)'), { allow, principal })).not.toBeUndefined();
});

test.each(['/*', "/Patients('{id}')", '/{name}', '/{a}({b})'])(
  'a bound path takes precedence over the entry %s, which would allow it for every caller',
  (path) => {
    const allow = [{ method: 'GET', path }, own];
    for (const target of ["/Patients('p-2')", "/patients('p-2')", "/Patients('p-2');a", "/Patients('p-2')%20"]) {
      expect(causeOf(target, { allow }), target).toBe('segment');
    }
    expect(causeOf("/Patients('p-1')", { allow })).toBeUndefined();
    expect(causeOf("/Patients('p-1')", { allow, query: '?$filter=true' })).toBe('query');
  },
);

test.each(['/{claim:a}{b}', '/{claim:}', '/{claim:a b}', '/x{claim:a', '/{claim:a}-{claim:b}'])(
  'the malformed pattern %s, which an adapter did not check, allows nothing',
  (path) => {
    const allow = [{ method: 'GET', path }];
    const principal = { claims: { a: 'a', b: 'b' } };
    for (const target of ['/a', '/ab', '/a{b', '/{b}', '/abc', '/a-b', '/xa', '/x']) {
      expect(causeOf(target, { allow, principal }), target).not.toBeUndefined();
    }
  },
);

test('an entry without a claim allows what it allowed before, with every query', () => {
  const allow = [own, { method: 'GET', path: '/Visits/*' }, { method: 'DELETE', path: "/Patients('{id}')" }];
  expect(causeOf('/Visits/1', { allow, query: '?$filter=true' })).toBeUndefined();
  expect(causeOf("/Patients('p-2')", { allow, method: 'DELETE' })).toBeUndefined();
  expect(causeOf('/Visits', { allow })).toBe('not_listed');
});

test('a claim counts only in the tokens of the issuer that the entry names', () => {
  const other = 'https://other.example.com';
  const allow = [
    { ...own, issuer: other },
    { method: 'GET', path: "/Patients('{claim:nested.id}')", issuer: alice.issuer },
  ];
  expect(causeOf("/Patients('p-1')", { allow: [allow[0] as AllowedCall] })).toBe('issuer');
  expect(causeOf("/Patients('n-1')", { allow })).toBeUndefined();
  expect(causeOf("/Patients('p-1')", { allow, principal: { issuer: other } })).toBeUndefined();
  const refusal = findCallRefusal(allow, { method: 'GET', path: "/Patients('p-1')", query: '' }, alice);
  expect(refusal).toMatchObject({ cause: 'segment', place: 1, claims: ['nested.id'] });
});

test('isCallAllowed allows no bound path, because it does not know the caller', () => {
  const allow = [own, { method: 'GET', path: '/*' }];
  expect(isCallAllowed(allow, 'GET', "/Patients('p-1')")).toBe(false);
  expect(isCallAllowed(allow, 'GET', '/Visits')).toBe(true);
});

test('claimsOfPath returns every claim to which a path is bound', () => {
  expect(claimsOfPath('/{claim:a.b}/{x}/B({claim:https://example.com/c})')).toEqual(['a.b', 'https://example.com/c']);
  expect(claimsOfPath('/A/*')).toEqual([]);
});

test.each([
  { path: '/{claim:}' },
  { path: '/{claim:a b}' },
  { path: '/{claim:a}{b}' },
  { path: '/{claim:a}-{claim:b}' },
  { path: '/*{claim:a}' },
  { path: '/{claim:a' },
  { path: '/{claim:a}/../b' },
  { path: '/{claim:a}/$batch' },
  { path: '/{claim:a}/$query' },
  { path: '/A', query: ['$select'] },
  { path: '/A', issuer: 'https://id.example.com' },
  { path: '/{claim:a}', query: ['a&b'] },
  { path: '/{claim:a}', query: [''] },
])('allowedCallSchema refuses %j', (call) => {
  expect(allowedCallSchema.safeParse({ method: 'GET', ...call }).success).toBe(false);
});

test('the option `allow` refuses `$batch` on one list with a bound path', () => {
  const schema = z.strictObject(forwardOptions);
  const batch = { method: 'POST', path: '/$batch' };
  expect(schema.safeParse({ allow: [batch] }).success).toBe(true);
  const { error } = schema.safeParse({ allow: [batch, own] });
  expect(error?.issues).toMatchObject([{ path: ['allow', 0, 'path'] }]);
});
