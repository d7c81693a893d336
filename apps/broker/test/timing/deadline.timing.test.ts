import { setImmediate, setTimeout } from 'node:timers/promises';
import { createSandbox, type Fault, type FaultRule } from '@valetkey/sandbox';
import { describe, test } from 'vitest';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

/** Milliseconds that the brokers of this test wait for a vendor. */
const vendorTimeoutMs = 4_000;
/** Milliseconds that every broker waits for an identity provider. */
const identityTimeoutMs = 5_000;

/**
 * Resolves after at least `durationMs`, by many short timers one after the other. If the machine stops this process for a
 * while, only one of these timers passes, so that a busy machine delays this function at least as much as a call.
 */
async function runLateTimer(durationMs: number): Promise<void> {
  const tickMs = 100;
  for (let elapsedMs = 0; elapsedMs < durationMs; elapsedMs += tickMs) await setTimeout(tickMs);
}

/** Runs a call and two timers, and returns the order in which the three ended. */
async function compareWithTimers(timeoutMs: number, hasArrived: () => boolean, call: () => Promise<Response>) {
  const events: string[] = [];
  // Timers of one event loop fire in the order of their due times, and this timer starts before the deadline does.
  const early = setTimeout(timeoutMs * 0.9).then(() => events.push('early timer'));
  const response = call()
    .then((head) => head.text().catch(() => 'cut off'))
    .then(() => events.push('response'));
  while (!hasArrived()) await setImmediate();
  // When the call arrives at the vendor, its deadline has started.
  const late = runLateTimer(timeoutMs * 1.5).then(() => events.push('late timer'));
  await Promise.all([early, response, late]);
  return events;
}

interface Case {
  readonly vendor: FaultRule['vendor'];
  readonly route: string;
  readonly fault: Fault;
  readonly call: (broker: RecordingBroker, token: string) => Promise<Response>;
}

const listPatients = (broker: RecordingBroker, token: string) => broker.call('/v1/vendors/nymbl/proxy/Patients', token);

const cases: Readonly<Record<string, Case>> = {
  'a vendor that does not respond': {
    vendor: 'nudge',
    route: 'GET /api/clients/jwt/token',
    fault: { type: 'hang' },
    call: (broker, token) => broker.issue('nudge', token),
  },
  'a vendor that sends its response byte by byte': {
    vendor: 'nudge',
    route: 'GET /api/clients/jwt/token',
    fault: { type: 'drip', intervalMs: 200 },
    call: (broker, token) => broker.issue('nudge', token),
  },
  'a vendor that does not respond to the last of several calls': {
    vendor: 'vital',
    route: 'POST /v2/user/{user_id}/sign_in_token',
    fault: { type: 'hang' },
    call: (broker, token) => broker.issue('vital', token),
  },
  'a vendor that does not respond to a proxied call': {
    vendor: 'nymbl',
    route: 'GET /Patients',
    fault: { type: 'hang' },
    call: listPatients,
  },
  'a vendor that sends a proxied body byte by byte': {
    vendor: 'nymbl',
    route: 'GET /Patients',
    fault: { type: 'drip', intervalMs: 200 },
    call: listPatients,
  },
};

const options = { timeout: 120_000 };

describe.concurrent('deadlines', () => {
  test(
    'a call to an identity provider that does not respond ends after 0.9 and before 1.5 times its deadline',
    options,
    async ({ expect }) => {
      await using sandbox = await createSandbox();
      await using resources = new AsyncDisposableStack();
      const token = await sandbox.mintUserToken({ sub: 'alice' });
      sandbox.setFaults([{ vendor: 'idp', route: 'GET /jwks', fault: { type: 'hang' } }]);
      const hasArrived = () => (sandbox.calls().idp['GET /jwks'] ?? 0) > 0;
      const events = await compareWithTimers(identityTimeoutMs, hasArrived, async () => {
        // The broker fetches the keys as soon as it listens.
        const broker = resources.use(await startRecordingBroker(createConfigFor(sandbox, vendorTimeoutMs)));
        return broker.call('/v1/session', token);
      });
      expect(events).toEqual(['early timer', 'response', 'late timer']);
    },
  );

  test.for(Object.entries(cases))(
    'a call to %s ends after 0.9 and before 1.5 times its deadline',
    options,
    async ([, { vendor, route, fault, call }], { expect }) => {
      await using sandbox = await createSandbox();
      await using broker = await startRecordingBroker(createConfigFor(sandbox, vendorTimeoutMs));
      const token = await sandbox.mintUserToken({ sub: 'alice' });
      await broker.call('/v1/session', token);
      sandbox.setFaults([{ vendor, route, fault }]);
      const hasArrived = () => (sandbox.calls()[vendor]?.[route] ?? 0) > 0;
      const events = await compareWithTimers(vendorTimeoutMs, hasArrived, () => call(broker, token));
      expect(events).toEqual(['early timer', 'response', 'late timer']);
    },
  );
});
