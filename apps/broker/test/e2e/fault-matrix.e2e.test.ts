import type { Fault, FaultRule, Sandbox } from '@valetkey/sandbox';
import { describe, test } from 'vitest';
import type { BrokerConfigInput } from '../../src/config/define-config.ts';
import { externalIdOf } from '../../src/vendors/external-id.ts';
import {
  expectedOutcomes,
  findProblemsAfter,
  isEndless,
  runEveryFault,
  readOutcome,
  waitForArrival,
  type OutcomeOverrides,
} from '../support/fault-outcomes.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

type Config = ReturnType<typeof createConfigFor>;

/** One route of a vendor, and the caller's request for which the broker calls this route. */
interface Target {
  readonly vendor: FaultRule['vendor'];
  readonly route: string;
  /** Changes the configuration of the vendor. */
  readonly configure?: (config: Config, sandbox: Sandbox) => Promise<BrokerConfigInput>;
  /** Makes the calls that come before, so that the broker's next call to the vendor is to this route. */
  readonly prepare?: (broker: RecordingBroker, token: string, sandbox: Sandbox, subject: string) => Promise<unknown>;
  /** Faults on other routes, because of which the broker calls this route. */
  readonly faults?: readonly FaultRule[];
  readonly call: (broker: RecordingBroker, token: string) => Promise<Response>;
  readonly overrides: OutcomeOverrides;
}

/** The client of Nabla's Core API of each sandbox. Its RSA key takes longer to create than everything else of a call. */
const coreClients = new WeakMap<Sandbox, ReturnType<Sandbox['nabla']['createClient']>>();

/** Configures Nabla with a client of its Core API. */
async function useCoreApi({ vendors, ...config }: Config, sandbox: Sandbox): Promise<BrokerConfigInput> {
  const client = coreClients.get(sandbox) ?? sandbox.nabla.createClient();
  coreClients.set(sandbox, client);
  const serverKey = await client;
  return { ...config, vendors: { ...vendors, nabla: { ...vendors.nabla, serverKey } } };
}

const issueAt = (vendor: string) => (broker: RecordingBroker, token: string) => broker.issue(vendor, token);
const listPatients = (broker: RecordingBroker, token: string) => broker.call('/v1/vendors/nymbl/proxy/Patients', token);

const patientOverrides: OutcomeOverrides = {
  '404': 'vendor_user_not_found',
  'data of another user': 'vendor_response_invalid',
  'an expired token': 'vendor_response_invalid',
};

const targets: Readonly<Record<string, Target>> = {
  'Nabla, authenticate': {
    vendor: 'nabla',
    route: 'GET /v1/server/jwt/patient/authenticate/{user_id}',
    call: issueAt('nabla'),
    overrides: patientOverrides,
  },
  "Nabla's Core API, grant": {
    vendor: 'nabla',
    route: 'POST /v1/core/server/oauth/token',
    configure: useCoreApi,
    call: issueAt('nabla'),
    overrides: {
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
    overrides: patientOverrides,
  },
  'Nudge, token': {
    vendor: 'nudge',
    route: 'GET /api/clients/jwt/token',
    call: issueAt('nudge'),
    overrides: { 'an expired token': 'vendor_response_invalid' },
  },
  "Nymbl's identity provider, token": {
    vendor: 'nymbl-idp',
    route: 'POST /oauth2/token',
    call: listPatients,
    overrides: {
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
    overrides: {
      // The broker returns the vendor's own response to a proxied call.
      ...Object.fromEntries(['400', '404', '409', '418', '422'].map((name) => [name, Number(name)])),
      '201 with another body': 201,
      '200 with another body': 'ok',
      '200 with a text': 'ok',
      'malformed JSON': 'ok',
      'an empty body': 'ok',
      'a huge compressed body': 'ok',
      // The broker cannot know whose data a proxied response contains.
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
    overrides: { 'data of another user': 'vendor_response_invalid' },
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
    // If the user can be neither created nor found, the broker reports the refusal of the creation.
    overrides: { 'data of another user': 'vendor_response_invalid', '404': 'vendor_rejected' },
  },
  'Vital, sign-in token': {
    vendor: 'vital',
    route: 'POST /v2/user/{user_id}/sign_in_token',
    prepare: issueAt('vital'),
    call: issueAt('vital'),
    overrides: { 'data of another user': 'vendor_response_invalid', '404': 'vendor_unavailable' },
  },
};

/** `timeoutMs` for a fault that only the deadline ends. */
const shortTimeoutMs = 5_000;
/** `timeoutMs` for every other fault: the maximum, so that no deadline ends the call. */
const longTimeoutMs = 120_000;

/** Makes one call while the vendor has a fault. Returns the outcome, and every problem that it found. */
async function callWithFault(target: Target, sandbox: Sandbox, name: string, fault: Fault, endTurn: () => void) {
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
    endTurn();
  }
  const received = await readOutcome(await call);
  const problems = [...received.problems, ...(await findProblemsAfter(broker, token, received))];
  if (name === 'a second response') {
    // The broker must not use the second response for the next request.
    const next = await readOutcome(await target.call(broker, token));
    if (next.outcome !== 'ok') problems.push(`the next response was ${next.outcome}`);
  }
  return { outcome: received.outcome, problems };
}

describe.concurrent('faults of the vendors', () => {
  test.for(Object.entries(targets))(
    'the broker responds with the expected outcome to each fault of %s, reveals no secret and follows no redirect',
    { timeout: 600_000 },
    async ([, target], { expect }) => {
      const { outcomes, problems, decoyRequests } = await runEveryFault((...fault) => callWithFault(target, ...fault));
      expect(outcomes).toEqual(expectedOutcomes(target.overrides));
      expect(problems).toEqual([]);
      expect(decoyRequests).toEqual([]);
    },
  );
});
