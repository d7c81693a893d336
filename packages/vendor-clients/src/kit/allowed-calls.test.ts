import { expect, test } from 'vitest';
import { allowedCallSchema, findAllowedCall, isCallAllowed } from './allowed-calls.ts';

const allow = [
  { method: 'GET', path: '/Patients' },
  { method: 'GET', path: '/Patients({id})' },
  { method: 'GET', path: '/Visits/*' },
  { method: 'GET', path: '/Visits/*/Notes' },
];

test.each([
  '/Patients',
  '/Patients(1)',
  "/Patients('a-1')",
  '/Patients(9b7b0f0c-0000-4000-8000-000000000000)',
  '/Patients%281%29',
  "/Patients('O''Neil')",
  '/Visits/1',
  '/Visits/a%20b',
  '/Visits/1/Notes',
])('the path %s is on the list', (path) => {
  expect(isCallAllowed(allow, 'GET', path)).toBe(true);
});

test.each([
  '',
  'Patients',
  '/',
  '//Patients',
  '/Patients/',
  '/patients',
  '/Patients()',
  '/Patients(1)/Notes',
  '/Patients(1)(2)',
  '/Patients($batch)',
  '/Patients?x',
  '/Patients#x',
  '/Patients%3Fx',
  '/Patients%23x',
  '/Patients(1)%2F..%2FUsers',
  '/Patients(1)%5CUsers',
  '/Patients(1)\\Users',
  '/Patients(%252F)',
  '/Patients(1%00)',
  '/Patients(1%0d%0a)',
  '/Patients(1%E2%80%AE)',
  '/Patients(1\u202e)',
  '/Patients(%ff)',
  '/Patients(%EF%BC%8F)',
  '/Visits/%E2%80%A5',
  '/Visits/%E2%80%A4',
  '/Patients(%)',
  '/Patients(%zz)',
  '/Visits/.',
  '/Visits/..',
  '/Visits/%2e%2e',
  '/Visits/.%2E',
  '/Visits/../Patients',
  '/Visits/..;/Notes',
  '/Visits/..%3Ba=b',
  '/Visits/%2e%2e;a=b',
  '/Visits/..%20',
  '/Visits/...',
  '/Visits/;a',
  '/Visits/%20',
  '/Visits/$batch',
  '/Visits/%24batch',
  '/Visits/1/2',
  '/Visits/1 2',
  `/Visits/${'x'.repeat(3_000)}`,
])('the path %s is not on the list', (path) => {
  expect(isCallAllowed(allow, 'GET', path)).toBe(false);
});

test('each of 200,000 random paths that is on the list is unchanged by a URL parser and has at most three segments', () => {
  const pieces =
    "/ / // Patients Visits Notes ( ) 1 'a' . .. ; ? # @ : \\ % %00 %24 %25 %2e %2f %5c %C3%A9 $batch é ＼".split(' ');
  pieces.push(' ', '\t', '\n');
  let seed = 20_261_120;
  const random = (below: number): number => (seed = (seed * 16_807) % 2_147_483_647) % below;
  let passed = 0;
  for (let count = 0; count < 200_000; count++) {
    const tail = Array.from({ length: random(5) }, () => pieces[random(pieces.length)]).join('');
    const path = (['/Visits/', '/Patients(', '/'][random(3)] ?? '') + tail;
    if (!isCallAllowed(allow, 'GET', path)) continue;
    passed += 1;
    const url = new URL(`https://api.example.com${path}`);
    if (url.pathname !== path || url.host !== 'api.example.com') throw new Error(path);
    if (path.split('/').length > 4) throw new Error(path);
  }
  expect(passed).toBeGreaterThan(100);
});

test('isCallAllowed decides at once about a segment with eight values, however many ways there are to divide it', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const path = `/Lines(${names.map((name) => `${name}={${name}}`).join(',')})`;
  const isAllowed = (segment: string) => isCallAllowed([{ method: 'GET', path }], 'GET', `/Lines(${segment})`);
  expect(isAllowed(names.map((name) => `${name}=1`).join(','))).toBe(true);
  // A matcher that tries every way would not end within the time limit of a test.
  expect(isAllowed('a=1,b=1,c=1,d=1,e=1,f=1,g=1,'.repeat(70))).toBe(false);
});

test('isCallAllowed decides at once about a long segment, whatever the pattern is', () => {
  const kinds = ['*', '{a}', '{b}', ',', '(', ')', '{c},{d}', 'x', 'xx', '-{e}-', "'{f}'", '.'];
  const fillers = [',', 'x', '(', ')', '-', "'", '.', 'x,', ',x', 'xx-', '(,', "',", '-.x'];
  let seed = 20_261_127;
  const random = (below: number): number => (seed = (seed * 16_807) % 2_147_483_647) % below;
  const pickFrom = (pieces: readonly string[], count: number) =>
    Array.from({ length: count }, () => pieces[random(pieces.length)]).join('');
  let tried = 0;
  for (let count = 0; count < 1_000; count += 1) {
    const path = `/${pickFrom(kinds, 1 + random(12))}`;
    if (!allowedCallSchema.safeParse({ method: 'GET', path }).success) continue;
    const start = /^\/([^{*]*)/.exec(path)?.[1] ?? '';
    for (const filler of fillers) {
      const segment = `${start}${filler.repeat(Math.floor(1_950 / filler.length))}`;
      for (const end of ['', '$', ')', 'y']) isCallAllowed([{ method: 'GET', path }], 'GET', `/${segment}${end}`);
    }
    tried += 1;
  }
  // A matcher that tries every way to divide a segment would need more than the time limit of a test for a single one.
  expect(tried).toBeGreaterThan(300);
});

test.each([
  ['/A({x},{y})', '/A(1,2)'],
  ['/A({x},{y})', '/A(1,2,3)'],
  ['/A({x}{y})', '/A(12)'],
  ['/A({x})B', '/A(1)B'],
  ['/{x}.{y}', '/a.b.c'],
  ['/{x}aa', '/aaa'],
])('the pattern %s allows the path %s', (pattern, path) => {
  expect(isCallAllowed([{ method: 'GET', path: pattern }], 'GET', path)).toBe(true);
});

test.each([
  ['/A({x},{y})', '/A(,2)'],
  ['/A({x},{y})', '/A(1,)'],
  ['/A({x},{y})', '/A(1,$2)'],
  ['/A({x}{y})', '/A(1)'],
  ['/A({x})B', '/A(1)'],
  ['/{x}aa', '/aa'],
  ['/a{x}a', '/aa'],
])('the pattern %s does not allow the path %s', (pattern, path) => {
  expect(isCallAllowed([{ method: 'GET', path: pattern }], 'GET', path)).toBe(false);
});

test('a call is on the list only with the exact method', () => {
  expect(isCallAllowed(allow, 'POST', '/Patients')).toBe(false);
  expect(isCallAllowed(allow, 'get', '/Patients')).toBe(false);
  expect(isCallAllowed(allow, 'HEAD', '/Patients')).toBe(false);
});

test('findAllowedCall returns the first entry that allows a call', () => {
  const list = [...allow, { method: 'GET', path: '/Visits/{id}' }];
  expect(findAllowedCall(list, 'GET', '/Visits/7')).toEqual({ method: 'GET', path: '/Visits/*' });
  expect(findAllowedCall(list, 'GET', '/Visits/7/8')).toBeUndefined();
});

test('no call is on an empty list', () => {
  expect(isCallAllowed([], 'GET', '/Patients')).toBe(false);
});

test.each(['Patients', '/', '//a', '/a/../b', '/a//b', '/**', '/a*', '/a?b', '/a b', '/{', '/a%2fb'])(
  'allowedCallSchema refuses the pattern %s',
  (path) => {
    expect(allowedCallSchema.safeParse({ method: 'GET', path }).success).toBe(false);
  },
);

test.each(['/Patients', '/Patients({id})', '/Visits/*/Notes', '/$metadata', "/Patients('{id}')/Name"])(
  'allowedCallSchema accepts the pattern %s',
  (path) => {
    expect(allowedCallSchema.safeParse({ method: 'GET', path }).success).toBe(true);
  },
);
