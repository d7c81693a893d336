import { expect, test } from 'vitest';
import { allowedCallSchema, isCallAllowed } from './allowed-calls.ts';

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
])('%s passes', (path) => {
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
  '/Patients(%)',
  '/Patients(%zz)',
  '/Visits/.',
  '/Visits/..',
  '/Visits/%2e%2e',
  '/Visits/.%2E',
  '/Visits/../Patients',
  '/Visits/$batch',
  '/Visits/%24batch',
  '/Visits/1/2',
  '/Visits/1 2',
  `/Visits/${'x'.repeat(3_000)}`,
])('%s does not', (path) => {
  expect(isCallAllowed(allow, 'GET', path)).toBe(false);
});

test('the method counts, to the letter', () => {
  expect(isCallAllowed(allow, 'POST', '/Patients')).toBe(false);
  expect(isCallAllowed(allow, 'get', '/Patients')).toBe(false);
  expect(isCallAllowed(allow, 'HEAD', '/Patients')).toBe(false);
  expect(isCallAllowed([], 'GET', '/Patients')).toBe(false);
});

test.each(['Patients', '/', '//a', '/a/../b', '/a//b', '/**', '/a*', '/a?b', '/a b', '/{', '/a%2fb'])(
  '%s is no pattern',
  (path) => {
    expect(allowedCallSchema.safeParse({ method: 'GET', path }).success).toBe(false);
  },
);

test.each(['/Patients', '/Patients({id})', '/Visits/*/Notes', '/$metadata', "/Patients('{id}')/Name"])(
  '%s is a pattern',
  (path) => {
    expect(allowedCallSchema.safeParse({ method: 'GET', path }).success).toBe(true);
  },
);
