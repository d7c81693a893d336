import { expect, test } from 'vitest';
import { formsOverlap, hasOnePlaceholder, readTenant, writeTenant } from './issuer-forms.ts';

const form = 'https://login.example.com/{tenantid}/v2.0';

test.each([
  [form, 'https://login.example.com/t-1/v2.0', 't-1'],
  [form, 'https://login.example.com/a/b/v2.0', undefined],
  [form, 'https://login.example.com//v2.0', undefined],
  [form, 'https://login.example.com/v2.0', undefined],
  [form, 'https://login.example.com/{tenantid}/v2.0', undefined],
  [form, 'https://evil.example.com/t-1/v2.0', undefined],
  [form, 'https://login.example.com/t-1/v2.0/', undefined],
  ['accounts.example.com', 'accounts.example.com', ''],
  ['accounts.example.com', 'https://accounts.example.com', undefined],
])('readTenant of %s and %s returns %j', (pattern, issuer, tenant) => {
  expect(readTenant(pattern, issuer)).toBe(tenant);
});

test('writeTenant returns the issuer of a tenant, also if the name of the tenant has a special meaning in replacements', () => {
  expect(writeTenant(form, 't-1')).toBe('https://login.example.com/t-1/v2.0');
  expect(writeTenant('{t}/x', '$&')).toBe('$&/x');
});

test.each([
  ['a/{t}', true],
  ['a/{t}/{u}', false],
  ['a/{t', false],
  ['a', false],
])('hasOnePlaceholder of %s returns %s', (text, expected) => {
  expect(hasOnePlaceholder(text)).toBe(expected);
});

test.each([
  ['https://a/x', 'https://a/x', true],
  ['https://a/x', 'https://a/y', false],
  ['https://a/{t}', 'https://a/x', true],
  ['https://a/x', 'https://a/{t}', true],
  ['https://a/{t}', 'https://a/{u}', true],
  ['https://a/{t}/v', 'https://a/{t}', false],
  ['https://a/p-{t}', 'https://a/q-{t}', false],
  ['https://a/{t}-p', 'https://a/{t}-q', false],
  ['https://{t}.a/x', 'https://b.{t}/x', true],
])('formsOverlap of %s and %s returns %s', (one, other, expected) => {
  expect(formsOverlap(one, other)).toBe(expected);
});
