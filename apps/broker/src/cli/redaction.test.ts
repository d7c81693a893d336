import { expect, test } from 'vitest';
import { createRedaction, redactAfter } from './redaction.ts';

const secret = 'canary"key/1+2';

test.each([
  ['as it is', secret],
  ['in a URL', encodeURIComponent(secret)],
  ['in JSON', JSON.stringify(secret)],
  ['in base64', Buffer.from(secret).toString('base64')],
  ['in base64url', Buffer.from(secret).toString('base64url')],
])('a redaction replaces a secret %s', (_where, text) => {
  const redaction = createRedaction();
  redaction.add(secret);
  expect(redaction.inText(`before ${text} after`)).toMatch(/^before "?\[redacted\]"? after$/);
});

test('a redaction replaces the longest secret first, at every depth, in names and members', () => {
  const redaction = createRedaction();
  for (const each of ['canary', 'canary-key']) redaction.add(each);
  expect(redaction.inValue({ list: [{ 'canary-key': 'x canary-key' }, 7, null, true] })).toEqual({
    list: [{ '[redacted]': 'x [redacted]' }, 7, null, true],
  });
});

test('a redaction ignores a text that is too short to be a secret', () => {
  const redaction = createRedaction();
  for (const each of ['', 'a', 'abc']) redaction.add(each);
  expect(redaction.inText('an abc')).toBe('an abc');
});

test.each([
  ['Bearer {secrets.apiKey}', 'Bearer [redacted]'],
  ['{secrets.apiKey}', '[redacted]'],
  ['Basic {basic | base64}, more', 'Basic [redacted]'],
])('redactAfter keeps only the words before the secret of %j', (template, expected) => {
  expect(redactAfter(template)).toBe(expected);
});
