import type { Fault, FaultRule, Sandbox } from '@valetkey/sandbox';
import { describe, test } from 'vitest';
import type { BrokerConfigInput } from '../../src/config/define-config.ts';
import { externalIdOf } from '../../src/vendors/external-id.ts';
import {
  expectedOutcomes,
  findAftermath,
  isEndless,
  meetEveryFault,
  readOutcome,
  waitForArrival,
  type Exceptions,
} from '../support/fault-outcomes.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

type Config = ReturnType<typeof createConfigFor>;

/** One route of a vendor, and how a caller's request reaches it. */
interface Target {
  readonly vendor: FaultRule['vendor'];
  readonly route: string;
  /** Changes the configuration of the vendor. */
  readonly configure?: (config: Config, sandbox: Sandbox) => Promise<BrokerConfigInput>;
  /** Brings the broker to the point where its next call to the vendor is the route. */
  readonly prepare?: (broker: RecordingBroker, token: string, sandbox: Sandbox, subject: string) => Promise<unknown>;
  /** Faults on other routes that lead to this one. */
  readonly faults?: readonly FaultRule[];
  readonly call: (broker: RecordingBroker, token: string) => Promise<Response>;
  readonly exceptions: Exceptions;
}

/** Configures Nabla with a client of its Core API. */
async function useCoreApi({ vendors, ...config }: Config, sandbox: Sandbox): Promise<BrokerConfigInput> {
  const serverKey = await sandbox.nabla.createClient();
  return { ...config, vendors: { ...vendors, nabla: { ...vendors.nabla, serverKey } } };
}

const issueAt = (vendor: string) => (broker: RecordingBroker, token: string) => broker.issue(vendor, token);
const listPatients = (broker: RecordingBroker, token: string) => broker.call('/v1/vendors/nymbl/proxy/Patients', token);

const patientExceptions: Exceptions = {
  '404': 'vendor_user_not_found',
  'data of another user': 'vendor_response_invalid',
  'an expired token': 'vendor_response_invalid',
};

const targets: Readonly<Record<string, Target>> = {
  'Nabla, authenticate': {
    vendor: 'nabla',
    route: 'GET /v1/server/jwt/patient/authenticate/{user_id}',
    call: issueAt('nabla'),
    exceptions: patientExceptions,
  },
  "Nabla's Core API, grant": {
    vendor: 'nabla',
    route: 'POST /v1/core/server/oauth/token',
    configure: useCoreApi,
    call: issueAt('nabla'),
    exceptions: {
      'an expired token': 'vendor_auth_failed',
      'a token of an unpublished key': 'vendor_auth_failed',
    },
  },
  "Nabla's Core API, authenticate": {
    vendor: 'nabla',
    route: 'POST /v1/core/server/jwt/authenticate/{user_id}',
    configure: useCoreApi,
    prepare: issueAt('nabla'),
    call: issueAt('nabla'),
    exceptions: patientExceptions,
  },
  'Nudge, token': {
    vendor: 'nudge',
    route: 'GET /api/clients/jwt/token',
    call: issueAt('nudge'),
    exceptions: { 'an expired token': 'vendor_response_invalid' },
  },
  "Nymbl's identity provider, token": {
    vendor: 'nymbl-idp',
    route: 'POST /oauth2/token',
    call: listPatients,
    exceptions: {
      'data of another user': 'vendor_response_invalid',
      'an expired token': 'vendor_auth_failed',
      'a token of an unpublished key': 'vendor_auth_failed',
    },
  },
  "Nymbl's API": {
    vendor: 'nymbl',
    route: 'GET /Patients',
    prepare: listPatients,
    call: listPatients,
    exceptions: {
      // The proxy passes on what the vendor responds.
      ...Object.fromEntries(['400', '404', '409', '418', '422'].map((name) => [name, Number(name)])),
      '201 with another body': 201,
      '200 with another body': 'ok',
      '200 with a text': 'ok',
      'malformed JSON': 'ok',
      'an empty body': 'ok',
      'a huge compressed body': 'ok',
      // The proxy cannot know whose rows the response contains.
      'data of another user': 'data of another user',
      // The head of the response has been sent before the body fails.
      'a response byte by byte': 'cut off',
      'a truncated body': 'cut off',
      'a reset in the body': 'cut off',
    },
  },
  'Vital, create a user': {
    vendor: 'vital',
    route: 'POST /v2/user',
    call: issueAt('vital'),
    exceptions: { 'data of another user': 'vendor_response_invalid' },
  },
  'Vital, resolve a user': {
    vendor: 'vital',
    route: 'GET /v2/user/resolve/{client_user_id}',
    faults: [
      { vendor: 'vital', route: 'POST /v2/user', fault: { type: 'status', status: 400, body: { detail: 'exists' } } },
    ],
    prepare: async (_broker, _token, { vital, urls }, subject) =>
      vital.createUser(externalIdOf({ issuer: urls.idp, subject })),
    call: issueAt('vital'),
    // A user that can be neither created nor found is reported by the first refusal.
    exceptions: { 'data of another user': 'vendor_response_invalid', '404': 'vendor_rejected' },
  },
  'Vital, sign-in token': {
    vendor: 'vital',
    route: 'POST /v2/user/{user_id}/sign_in_token',
    prepare: issueAt('vital'),
    call: issueAt('vital'),
    exceptions: { 'data of another user': 'vendor_response_invalid', '404': 'vendor_user_not_found' },
  },
};

/** The deadline of a call that nothing else ends. */
const shortTimeoutMs = 5_000;
/** The longest deadline that a vendor may have: it ends no call whose fault ends by itself. */
const longTimeoutMs = 120_000;

/** Lets the vendor have one fault during one call, and returns what the caller received and everything that is wrong. */
async function callWithFault(target: Target, sandbox: Sandbox, name: string, fault: Fault, leave: () => void) {
  const { vendor, route } = target;
  const subject = `alice-${name}`;
  sandbox.setFaults([]);
  const config = createConfigFor(sandbox, isEndless(fault) ? shortTimeoutMs : longTimeoutMs);
  await using broker = await startRecordingBroker((await target.configure?.(config, sandbox)) ?? config);
  const token = await sandbox.mintUserToken({ sub: subject });
  await target.prepare?.(broker, token, sandbox, subject);
  await broker.call('/v1/session', token);
  sandbox.setFaults([...(target.faults ?? []), { vendor, route, fault }]);
  sandbox.resetCalls();

  const call = target.call(broker, token);
  if (isEndless(fault)) {
    await waitForArrival(sandbox, target, call);
    leave();
  }
  const received = await readOutcome(await call);
  const problems = [...received.problems, ...(await findAftermath(broker, token, received))];
  if (name === 'a second response') {
    // The second response must not be taken for the response to the next request.
    const next = await readOutcome(await target.call(broker, token));
    if (next.outcome !== 'ok') problems.push(`the next response was ${next.outcome}`);
  }
  return { outcome: received.outcome, problems };
}

describe.concurrent('faults of the vendors', () => {
  test.for(Object.entries(targets))(
    'a broker turns each fault of %s into one row of the error table, leaks nothing and follows no redirect',
    { timeout: 600_000 },
    async ([, target], { expect }) => {
      const { outcomes, problems, visits } = await meetEveryFault((...meeting) => callWithFault(target, ...meeting));
      expect(outcomes).toEqual(expectedOutcomes(target.exceptions));
      expect(problems).toEqual([]);
      expect(visits).toEqual([]);
    },
  );
});
