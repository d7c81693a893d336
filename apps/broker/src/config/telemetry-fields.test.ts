import { expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { parseConfig } from './parse-config.ts';

const base = {
  issuers: [{ issuer: 'https://id.example.com', audiences: ['api'] }],
  vendors: { nudge: { apiKey: 'key-of-the-test' } },
};

function problemsOf(config: object): readonly string[] {
  try {
    parseConfig({ ...base, ...config });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('a configuration without `telemetry` has no OpenTelemetry, and an empty section has safe defaults', () => {
  expect(parseConfig(base).telemetry).toEqual({});
  expect(parseConfig({ ...base, telemetry: { openTelemetry: {} } }).telemetry).toEqual({
    openTelemetry: { continueTraces: false, sendTo: [] },
  });
});

test('`sendTo` accepts connections alone', () => {
  expect(problemsOf({ telemetry: { openTelemetry: { sendTo: ['nudge'] } } })).toEqual([]);
  expect(problemsOf({ telemetry: { openTelemetry: { sendTo: ['nudge', 'other'] } } })).toEqual([
    'telemetry.openTelemetry.sendTo.1: is no connection; use a name under vendors: nudge',
  ]);
});

test('`continueTraces` needs the proxies whose traces are continued', () => {
  const telemetry = { openTelemetry: { continueTraces: true } };
  expect(problemsOf({ telemetry })).toEqual([
    'telemetry.openTelemetry.continueTraces: has no effect without listen.trustedProxies; name the proxies there that set traceparent',
  ]);
  expect(problemsOf({ telemetry, listen: { trustedProxies: ['10.0.0.5'] } })).toEqual([]);
});

test('an unknown field of the section is refused', () => {
  expect(problemsOf({ telemetry: { openTelemetry: { endpoint: 'http://localhost:4318' } } })).toHaveLength(1);
});
