import { expect, test } from 'vitest';
import { openTracing } from './tracing.ts';

const fields = { continueTraces: false, sendTo: [] };

/** Returns a loader of packages that fails with this code. */
const failWith = (code: string) => () => {
  throw Object.assign(new Error('canary'), { code });
};

test('without the packages of OpenTelemetry, the problem names the command that installs them', () => {
  expect(() => openTracing(fields, { load: failWith('MODULE_NOT_FOUND') })).toThrow(
    'telemetry.openTelemetry: needs the packages `@opentelemetry/api` and `@opentelemetry/sdk-node`; run `npm install @opentelemetry/api @opentelemetry/sdk-node` where the broker is installed',
  );
});

test('a package that cannot be loaded is a problem without the text of its error', () => {
  expect(() => openTracing(fields, { load: failWith('ERR_REQUIRE_ASYNC_MODULE') })).toThrow(
    /the package `@opentelemetry\/api` cannot be loaded; install another version of it$/,
  );
});
