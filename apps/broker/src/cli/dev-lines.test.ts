import { expect, test } from 'vitest';
import { createDevLogger, describeDecision } from './dev-lines.ts';

/** Returns the text that the log of `valetkey dev` prints about some lines. */
function printed(write: (logger: ReturnType<typeof createDevLogger>) => void): string {
  const texts: string[] = [];
  const logger = createDevLogger(
    (text) => texts.push(text),
    (colour, text) => `<${colour}>${text}`,
  );
  write(logger);
  return texts.join('\n').replaceAll(/\d\d:\d\d:\d\d/g, 'hh:mm:ss');
}

test('the log of dev prints a refusal as one plain line, without the request id', () => {
  const fields = { requestId: 'r-1', code: 'invalid_token', connection: 'nabla', reason: 'expired' };
  expect(printed((logger) => logger.info(fields, 'refused'))).toBe(
    '  hh:mm:ss UTC  refused: code invalid_token, connection nabla, reason expired',
  );
});

test('the log of dev marks a warning, and prints its advice on a line of its own', () => {
  const fields = { code: 'vendor_auth_failed', vendor: 'nudge', advice: 'Check `apiKey`.' };
  expect(printed((logger) => logger.warn(fields, 'refused'))).toBe(
    '  hh:mm:ss UTC  <yellow>warning  refused: code vendor_auth_failed, vendor nudge\n    Check `apiKey`.',
  );
});

test('the log of dev prints the fields of an event', () => {
  expect(printed((logger) => logger.info({ event: { type: 'retried', vendor: 'nudge' } }, 'vendor'))).toBe(
    '  hh:mm:ss UTC  vendor: type retried, vendor nudge',
  );
});

test('the log of dev prints no decision, because onDecision prints each', () => {
  expect(printed((logger) => logger.info({ decision: { outcome: 'allowed' } }, 'decision'))).toBe('');
});

test('the log of dev prints only printable ASCII, whatever the caller sent', () => {
  const hostile = '\u001b]0;owned\u0007\r\n\u2028\u009b31m';
  const text = printed((logger) => logger.info({ connection: hostile, [hostile]: hostile }, 'refused'));
  expect(text).toMatch(/^[\x20-\x7e]+$/);
});

test('a decision has its time in UTC, and a colour for its outcome', () => {
  const decision = {
    at: '2026-06-01T12:00:05.000Z',
    requestId: 'r-1',
    operation: 'issue',
    connection: 'nabla',
    issuer: 'https://id.example.com',
    subject: 'alice',
    outcome: 'allowed',
  } as const;
  expect(describeDecision(decision)).toBe('  12:00:05 UTC  alice  issue nabla  allowed');
  const paint = (colour: string, text: string) => `<${colour}>${text}`;
  expect(describeDecision(decision, paint)).toContain('<green>allowed');
  expect(describeDecision({ ...decision, outcome: 'forbidden' }, paint)).toContain('<red>forbidden');
});
