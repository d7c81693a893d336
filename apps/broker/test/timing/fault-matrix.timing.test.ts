import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import { errorTable, problemSchema, type ErrorCode } from '@valetkey/core-types';
import { createSandbox, type Fault, type FaultRule, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { findSecrets } from '../support/find-secrets.ts';
import type { BrokerConfigInput } from '../../src/config/define-config.ts';
import {
  createConfigFor as configureFor,
  defaultTimeoutMs as watchedTimeoutMs,
  startRecordingBroker as startWatchedBroker,
  type RecordingBroker as WatchedBroker,
} from '../support/recording-broker.ts';
import { externalIdOf } from '../../src/vendors/external-id.ts';

/** For calls that end by themselves, on however busy a machine. */
const generousMs = 10_000;
const canary = 'canary-of-the-vendor-8c2d';

/**
 * `ok`: the caller is served. A number: the vendor's own status passed on by the proxy. `cut`: the answer broke off.
 * `somebody else's`: the caller is served what is another's.
 */
type Outcome = ErrorCode | 'ok' | 'cut' | "somebody else's" | number;

/** Somewhere that nobody may be led to. */
let elsewhere: { readonly url: string; readonly visits: string[]; readonly close: () => void };
beforeAll(async () => {
  const visits: string[] = [];
  const server = createServer((request, response) => {
    visits.push(`${request.method} ${request.url}`);
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${canary}`;
  elsewhere = { url, visits, close: () => server.close() };
});
afterAll(() => elsewhere.close());

type RetryAfter = Extract<Fault, { type: 'status' }>['retryAfter'];

const status = (code: number, body?: Told | string, retryAfter?: RetryAfter): Fault => {
  return { type: 'status', status: code, body, retryAfter };
};
type Told = Readonly<Record<string, string>>;
const told: Told = { message: canary, detail: canary, error_description: canary };
/** Where the redirect leads is known once the server runs. */
const nowhere = 'http://127.0.0.1:9/';

/** Every kind of trouble, with what each route makes of it unless the route says otherwise. */
const faults: Readonly<Record<string, readonly [Fault, Outcome]>> = {
  hangs: [{ type: 'hang' }, 'vendor_timeout'],
  'works, then hangs': [{ type: 'hang', when: 'after' }, 'vendor_timeout'],
  'is late': [{ type: 'latency', delayMs: 20_000 }, 'vendor_timeout'],
  drips: [{ type: 'drip', intervalMs: 50 }, 'vendor_timeout'],
  resets: [{ type: 'reset' }, 'vendor_unavailable'],
  'works, then resets': [{ type: 'reset', when: 'after' }, 'vendor_unavailable'],
  'resets in the body': [{ type: 'reset', when: 'mid-body' }, 'vendor_unavailable'],
  truncates: [{ type: 'truncated' }, 'vendor_unavailable'],
  '500': [status(500, told), 'vendor_unavailable'],
  '502 of a gateway': [status(502, `<html>${canary}</html>`), 'vendor_unavailable'],
  '503': [status(503, told), 'vendor_unavailable'],
  '503 that names its time': [status(503, told, { form: 'seconds', seconds: 7 }), 'vendor_unavailable'],
  '504': [status(504), 'vendor_unavailable'],
  'works, then 500': [{ type: 'status', status: 500, body: told, when: 'after' }, 'vendor_unavailable'],
  '400': [status(400, told), 'vendor_rejected'],
  '401': [status(401, told), 'vendor_auth_failed'],
  '403': [status(403, told), 'vendor_auth_failed'],
  '404': [status(404, told), 'vendor_rejected'],
  '409': [status(409, told), 'vendor_rejected'],
  '418': [status(418, told), 'vendor_rejected'],
  '422': [status(422, told), 'vendor_rejected'],
  '201 with another body': [status(201, told), 'vendor_response_invalid'],
  '200 with another body': [status(200, told), 'vendor_response_invalid'],
  '200 with a text': [status(200, canary), 'vendor_response_invalid'],
  '429 in seconds': [{ type: 'rate-limit', retryAfter: { form: 'seconds', seconds: 7 } }, 'vendor_rate_limited'],
  '429 with a date': [{ type: 'rate-limit', retryAfter: { form: 'date', seconds: 7 } }, 'vendor_rate_limited'],
  '429 with nonsense': [{ type: 'rate-limit', retryAfter: { form: 'garbage', text: canary } }, 'vendor_rate_limited'],
  '429 without a word': [{ type: 'rate-limit', retryAfter: { form: 'absent' } }, 'vendor_rate_limited'],
  malformed: [{ type: 'malformed' }, 'vendor_response_invalid'],
  empty: [{ type: 'empty' }, 'vendor_response_invalid'],
  huge: [{ type: 'huge', bytes: 8_388_608 }, 'vendor_response_invalid'],
  'huge, packed': [{ type: 'huge', bytes: 1_310_720, gzip: true }, 'vendor_response_invalid'],
  'wrong content type': [{ type: 'wrong-content-type', contentType: `text/${canary}` }, 'ok'],
  'one answer too many': [{ type: 'extra-response' }, 'ok'],
  'about somebody else': [{ type: 'wrong-user' }, 'ok'],
  redirects: [{ type: 'redirect', location: nowhere }, 'vendor_response_invalid'],
  'redirects with 302': [{ type: 'redirect', location: nowhere, status: 302 }, 'vendor_response_invalid'],
  'expired token': [{ type: 'expired-token' }, 'ok'],
  'token of an unpublished key': [{ type: 'unpublished-key' }, 'ok'],
};

interface Target {
  readonly vendor: FaultRule['vendor'];
  readonly route: string;
  /** Where the vendor is set up in another way than usual. */
  readonly configure?: (config: WatchedConfig, sandbox: Sandbox) => Promise<BrokerConfigInput>;
  /** Brings the broker to the point where its next step is the route. */
  readonly prepare?: (broker: WatchedBroker, token: string, sandbox: Sandbox, subject: string) => Promise<unknown>;
  /** Faults that lead to the route. */
  readonly faults?: readonly FaultRule[];
  readonly call: (broker: WatchedBroker, token: string) => Promise<Response>;
  readonly exceptions: Readonly<Partial<Record<keyof typeof faults, Outcome>>>;
}

type WatchedConfig = ReturnType<typeof configureFor>;

/** Nabla by a client of its Core API. */
const useCore = async ({ vendors, ...config }: WatchedConfig, sandbox: Sandbox): Promise<BrokerConfigInput> => {
  const serverKey = await sandbox.nabla.createClient();
  return { ...config, vendors: { ...vendors, nabla: { ...vendors.nabla, serverKey } } };
};

const proxied = (broker: WatchedBroker, token: string) => broker.call('/v1/vendors/nymbl/proxy/Patients', token);

const patientExceptions: Target['exceptions'] = {
  '404': 'vendor_user_not_found',
  'about somebody else': 'vendor_response_invalid',
  'expired token': 'vendor_response_invalid',
};

const targets: Readonly<Record<string, Target>> = {
  'Nabla, authenticate': {
    vendor: 'nabla',
    route: 'GET /v1/server/jwt/patient/authenticate/{user_id}',
    call: (broker, token) => broker.issue('nabla', token),
    exceptions: patientExceptions,
  },
  "Nabla's Core API, grant": {
    vendor: 'nabla',
    route: 'POST /v1/core/server/oauth/token',
    configure: useCore,
    call: (broker, token) => broker.issue('nabla', token),
    exceptions: { 'expired token': 'vendor_auth_failed', 'token of an unpublished key': 'vendor_auth_failed' },
  },
  "Nabla's Core API, authenticate": {
    vendor: 'nabla',
    route: 'POST /v1/core/server/jwt/authenticate/{user_id}',
    configure: useCore,
    prepare: (broker, token) => broker.issue('nabla', token),
    call: (broker, token) => broker.issue('nabla', token),
    exceptions: patientExceptions,
  },
  'Nudge, token': {
    vendor: 'nudge',
    route: 'GET /api/clients/jwt/token',
    call: (broker, token) => broker.issue('nudge', token),
    exceptions: { 'expired token': 'vendor_response_invalid' },
  },
  "Nymbl's identity provider, token": {
    vendor: 'nymbl-idp',
    route: 'POST /oauth2/token',
    call: proxied,
    exceptions: {
      'about somebody else': 'vendor_response_invalid',
      'expired token': 'vendor_auth_failed',
      'token of an unpublished key': 'vendor_auth_failed',
    },
  },
  "Nymbl's API": {
    vendor: 'nymbl',
    route: 'GET /Patients',
    prepare: proxied,
    call: proxied,
    exceptions: {
      // What the vendor answers is the answer: a proxy passes it on.
      ...Object.fromEntries(['400', '404', '409', '418', '422'].map((name) => [name, Number(name)])),
      '201 with another body': 201,
      '200 with another body': 'ok',
      '200 with a text': 'ok',
      malformed: 'ok',
      empty: 'ok',
      'huge, packed': 'ok',
      // A proxy cannot tell whose rows they are.
      'about somebody else': "somebody else's",
      // Its head is gone out by then.
      drips: 'cut',
      truncates: 'cut',
      'resets in the body': 'cut',
    },
  },
  'Vital, create a user': {
    vendor: 'vital',
    route: 'POST /v2/user',
    call: (broker, token) => broker.issue('vital', token),
    exceptions: { 'about somebody else': 'vendor_response_invalid' },
  },
  'Vital, resolve a user': {
    vendor: 'vital',
    route: 'GET /v2/user/resolve/{client_user_id}',
    faults: [{ vendor: 'vital', route: 'POST /v2/user', fault: status(400, { detail: 'exists' }) }],
    prepare: async (_broker, _token, { vital, urls }, subject) =>
      vital.createUser(externalIdOf({ issuer: urls.idp, subject })),
    call: (broker, token) => broker.issue('vital', token),
    // Neither could it be created nor is it there: the first refusal stands.
    exceptions: { 'about somebody else': 'vendor_response_invalid', '404': 'vendor_rejected' },
  },
  'Vital, sign-in token': {
    vendor: 'vital',
    route: 'POST /v2/user/{user_id}/sign_in_token',
    prepare: (broker, token) => broker.issue('vital', token),
    call: (broker, token) => broker.issue('vital', token),
    exceptions: { 'about somebody else': 'vendor_response_invalid', '404': 'vendor_user_not_found' },
  },
};

/** Reads an answer to its end and names what it was. */
async function read(
  response: Response,
  expected?: Outcome,
): Promise<{ outcome: Outcome; text: string; problems: string[] }> {
  const text = await response.text().catch(() => undefined);
  const headers = JSON.stringify([...response.headers]);
  if (text === undefined) return { outcome: 'cut', text: headers, problems: [] };
  if (response.headers.get('content-type') !== 'application/problem+json') {
    const served = isSomebodyElses(text) ? "somebody else's" : 'ok';
    return { outcome: response.status === 200 ? served : response.status, text: headers + text, problems: [] };
  }
  const problem = problemSchema.parse(JSON.parse(text));
  const { code } = problem;
  const row = errorTable[code as ErrorCode];
  const problems = [
    ...(row.status === response.status && problem.status === response.status ? [] : ['status']),
    ...(response.status === 401 && expected !== 'invalid_token' ? ['a 401 about somebody else'] : []),
    ...((response.status === 503) === response.headers.has('retry-after') ? [] : ['retry-after']),
    ...(response.headers.get('cache-control') === 'no-store' ? [] : ['cache-control']),
  ].map((what) => `${code}: ${what}`);
  return { outcome: code as ErrorCode, text: headers + text, problems };
}

/** Whether an answer is of the one whom the sandbox mixes others up with, by name or inside of a token. */
function isSomebodyElses(text: string): boolean {
  const payloads = [...text.matchAll(/\w+\.(\w+)\./g)].map(([, part = '']) =>
    Buffer.from(part, 'base64url').toString(),
  );
  return /wrong-user|00000000bad0|globex/i.test([text, ...payloads].join());
}

/** What is wrong with the traces that a call left behind, and with the broker after it. */
async function complain(broker: WatchedBroker, token: string, { outcome, text }: { outcome: Outcome; text: string }) {
  const served = outcome === 'ok' || typeof outcome === 'number';
  const secrets = { canary, token, 'a JWT': 'eyJhbGciOi', 'a credential': 'sandbox-only' };
  const leaks = findSecrets(secrets, { ...(await broker.readRecords()), ...(served ? {} : { answer: text }) });
  const torn = broker.logLines().filter((line) => !isJson(line)).length;
  const alive = (await broker.call('/healthz')).status === 200;
  return [...leaks, ...(torn === 0 ? [] : ['torn log lines']), ...(alive ? [] : ['not alive'])];
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}

const options = { retry: 1, timeout: 60_000 };

describe.concurrent('each fault of each vendor is one row of the error table', () => {
  test.for(Object.entries(targets))('%s', options, async ([, target], { expect }) => {
    await using sandbox = await createSandbox();
    const { vendor, route, exceptions } = target;
    const configure = async (timeoutMs: number) => {
      const config = configureFor(sandbox, timeoutMs);
      return (await target.configure?.(config, sandbox)) ?? config;
    };
    const [hasty, patient] = await Promise.all([configure(watchedTimeoutMs), configure(generousMs)]);

    /** Lets the vendor do this to one call, and tells what came of it. */
    const meet = async (name: string, fault: Fault, awaitsDeadline: boolean, subject: string) => {
      sandbox.setFaults([]);
      await using broker = await startWatchedBroker(awaitsDeadline ? hasty : patient);
      const token = await sandbox.mintUserToken({ sub: subject });
      await target.prepare?.(broker, token, sandbox, subject);
      await broker.call('/v1/session', token);
      const aimed = fault.type === 'redirect' ? { ...fault, location: elsewhere.url } : fault;
      sandbox.setFaults([...(target.faults ?? []), { vendor, route, fault: aimed }]);

      const startedAt = performance.now();
      // A timer on the same event loop: as late as this machine is with it, it is with the broker's.
      const latest = sleep(watchedTimeoutMs * 1.1, undefined, { ref: false }).then(() => performance.now());
      const { outcome, text, problems } = await read(await target.call(broker, token));
      const endedAt = performance.now();
      const tookMs = Math.round(endedAt - startedAt);
      // One that ends by itself has a longer deadline and no longer to take.
      const isLate = outcome !== 'ok' && tookMs >= watchedTimeoutMs * 1.1 && endedAt > (await latest);
      const complaints = [...problems, ...(await complain(broker, token, { outcome, text }))];
      if (isLate) complaints.push(`took ${tookMs} ms`);
      if (name === 'one answer too many') {
        // It lies in wait for whoever asks next.
        const next = await read(await target.call(broker, token));
        if (next.outcome !== 'ok') complaints.push(`the next was ${next.outcome}`);
      }
      return { outcome, isLate, complaints: complaints.map((what) => `${name}: ${what}`) };
    };

    const outcomes: Record<string, Outcome> = {};
    const complaints: string[] = [];
    let expected: Record<string, Outcome> = {};
    for (const [name, [fault, usual]] of Object.entries(faults)) {
      expected = { ...expected, [name]: exceptions[name] ?? usual };
      const awaitsDeadline = ['vendor_timeout', 'cut'].includes(String(expected[name]));
      let met = await meet(name, fault, awaitsDeadline, `alice-${name}`);
      // Other programs on the machine can only make an answer later: the best of three is the broker's.
      for (let again = 1; met.isLate && again < 3; again += 1) {
        met = await meet(name, fault, awaitsDeadline, `alice-${name}-${again}`);
      }
      outcomes[name] = met.outcome;
      complaints.push(...met.complaints);
    }

    expect(outcomes).toEqual(expected);
    expect(complaints).toEqual([]);
    expect(elsewhere.visits).toEqual([]);
  });
});

interface KeyTarget {
  readonly vendor: 'idp' | 'authgear';
  readonly route: string;
  /** Whether Authgear's tokens are no JWTs, so that its resolver is asked. */
  readonly opaque?: boolean;
  readonly exceptions?: Readonly<Partial<Record<keyof typeof faults, Outcome>>>;
}

const keyTargets: Readonly<Record<string, KeyTarget>> = {
  "a provider's discovery": { vendor: 'idp', route: 'GET /.well-known/openid-configuration' },
  "a provider's keys": { vendor: 'idp', route: 'GET /jwks' },
  "Authgear's keys": { vendor: 'authgear', route: 'GET /oauth2/jwks' },
  "Authgear's resolver": {
    vendor: 'authgear',
    route: 'GET /_resolver/resolve',
    opaque: true,
    exceptions: {
      // A body is nothing to it, nor does it have one.
      malformed: 'ok',
      empty: 'ok',
      drips: 'ok',
      huge: 'ok',
      'huge, packed': 'ok',
      'resets in the body': 'ok',
      truncates: 'ok',
      // Whoever it names is whoever is signed in.
      'about somebody else': "somebody else's",
      // Its headers say that nobody is signed in.
      '200 with another body': 'invalid_token',
      '200 with a text': 'invalid_token',
    },
  },
};

const identityTimeoutMs = 5_000;

describe.concurrent('each fault of an identity provider is its own, and never a 401', () => {
  test.for(Object.entries(keyTargets))('%s', options, async ([, target], { expect }) => {
    const { vendor, route, opaque = false, exceptions = {} } = target;
    await using sandbox = await createSandbox({ authgear: { accessTokens: opaque ? 'opaque' : 'jwt' } });
    const usual = configureFor(sandbox);
    const authgear = { ...usual.vendors.authgear, resolver: opaque ? { cacheSeconds: 0 } : undefined };
    const config = { ...usual, vendors: { ...usual.vendors, authgear } };
    const token = await (vendor === 'idp' ? sandbox.mintUserToken({ sub: 'alice' }) : signInAtAuthgear(sandbox));

    const meet = async (name: string, fault: Fault): Promise<[string, Outcome, string[]]> => {
      await using broker = await startWatchedBroker(config);
      const startedAt = performance.now();
      const { outcome, text, problems } = await read(await broker.call('/v1/session', token), exceptions[name]);
      const elapsedMs = performance.now() - startedAt;
      const slow = elapsedMs > identityTimeoutMs * 1.1 ? [`${name}: took ${Math.round(elapsedMs)} ms`] : [];
      const complaints = [...problems, ...(await complain(broker, token, { outcome, text }))];
      return [name, outcome, [...slow, ...complaints.map((what) => `${name}: ${what} (${fault.type})`)]];
    };

    const meetings = [];
    for (const [name, [fault]] of Object.entries(faults)) {
      const aimed = fault.type === 'redirect' ? { ...fault, location: elsewhere.url } : fault;
      sandbox.setFaults([{ vendor, route, fault: aimed }]);
      sandbox.resetCalls();
      meetings.push(meet(name, aimed));
      // A fault strikes when the call arrives: the next may take its place then.
      await expect.poll(() => sandbox.calls()[vendor]?.[route], { interval: 5, timeout: 10_000 }).toBeGreaterThan(0);
    }
    const met = await Promise.all(meetings);

    const expected = Object.entries(faults).map(([name, [, usual]]) => {
      return [name, exceptions[name] ?? (usual === 'ok' ? 'ok' : 'identity_unavailable')] as const;
    });
    expect(Object.fromEntries(met.map(([name, outcome]) => [name, outcome]))).toEqual(Object.fromEntries(expected));
    expect(met.flatMap(([, , complaints]) => complaints)).toEqual([]);
    expect(elsewhere.visits).toEqual([]);
  });
});

async function signInAtAuthgear({ urls }: Sandbox): Promise<string> {
  const response = await fetch(`${urls.authgear}/dev-session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"sub":"alice"}',
  });
  return ((await response.json()) as { access_token: string }).access_token;
}
