import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { errorTable, problemSchema, type ErrorCode } from '@valetkey/core-types';
import { createSandbox, type Fault, type FaultRule, type Sandbox, type SandboxOptions } from '@valetkey/sandbox';
import { findSecrets } from './find-secrets.ts';
import type { RecordingBroker } from './recording-broker.ts';

/** Text that vendors send in their errors, and that must not leave the broker. */
const vendorText = 'canary-of-the-vendor-8c2d';

/**
 * The result of a call for the caller while a vendor has a fault: an error code; `ok`; the vendor's own status, if the
 * broker returns it from a proxied call; `cut off`, if the response broke off after its head; or `data of another user`.
 */
export type Outcome = ErrorCode | 'ok' | 'cut off' | 'data of another user' | number;

type RetryAfter = Extract<Fault, { type: 'status' }>['retryAfter'];
type VendorBody = Readonly<Record<string, string>> | string;

const errorBody: VendorBody = { message: vendorText, detail: vendorText, error_description: vendorText };
const status = (code: number, body?: VendorBody, retryAfter?: RetryAfter): Fault => {
  return { type: 'status', status: code, body, retryAfter };
};
/** A placeholder, which {@link runEveryFault} replaces with the URL of its decoy server. */
const decoyUrl = 'http://127.0.0.1:9/';

/** Every fault that the sandbox can simulate, with its usual outcome, which a route may override. */
const faults: Readonly<Record<string, readonly [Fault, Outcome]>> = {
  'no response': [{ type: 'hang' }, 'vendor_timeout'],
  'no response after the work': [{ type: 'hang', when: 'after' }, 'vendor_timeout'],
  'a response ten minutes later': [{ type: 'latency', delayMs: 600_000 }, 'vendor_timeout'],
  'a response byte by byte': [{ type: 'drip', intervalMs: 150 }, 'vendor_timeout'],
  'a reset': [{ type: 'reset' }, 'vendor_unavailable'],
  'a reset after the work': [{ type: 'reset', when: 'after' }, 'vendor_unavailable'],
  'a reset in the body': [{ type: 'reset', when: 'mid-body' }, 'vendor_unavailable'],
  'a truncated body': [{ type: 'truncated' }, 'vendor_unavailable'],
  '500': [status(500, errorBody), 'vendor_unavailable'],
  '502 of a gateway': [status(502, `<html>${vendorText}</html>`), 'vendor_unavailable'],
  '503': [status(503, errorBody), 'vendor_unavailable'],
  '503 with Retry-After': [status(503, errorBody, { form: 'seconds', seconds: 7 }), 'vendor_unavailable'],
  '504': [status(504), 'vendor_unavailable'],
  '500 after the work': [{ type: 'status', status: 500, body: errorBody, when: 'after' }, 'vendor_unavailable'],
  '400': [status(400, errorBody), 'vendor_rejected'],
  '401': [status(401, errorBody), 'vendor_auth_failed'],
  '403': [status(403, errorBody), 'vendor_auth_failed'],
  '404': [status(404, errorBody), 'vendor_rejected'],
  '409': [status(409, errorBody), 'vendor_rejected'],
  '418': [status(418, errorBody), 'vendor_rejected'],
  '422': [status(422, errorBody), 'vendor_rejected'],
  '201 with another body': [status(201, errorBody), 'vendor_response_invalid'],
  '200 with another body': [status(200, errorBody), 'vendor_response_invalid'],
  '200 with a text': [status(200, vendorText), 'vendor_response_invalid'],
  '429 in seconds': [{ type: 'rate-limit', retryAfter: { form: 'seconds', seconds: 7 } }, 'vendor_rate_limited'],
  '429 with a date': [{ type: 'rate-limit', retryAfter: { form: 'date', seconds: 7 } }, 'vendor_rate_limited'],
  '429 with an invalid Retry-After': [
    { type: 'rate-limit', retryAfter: { form: 'garbage', text: vendorText } },
    'vendor_rate_limited',
  ],
  '429 without Retry-After': [{ type: 'rate-limit', retryAfter: { form: 'absent' } }, 'vendor_rate_limited'],
  'malformed JSON': [{ type: 'malformed' }, 'vendor_response_invalid'],
  'an empty body': [{ type: 'empty' }, 'vendor_response_invalid'],
  'a huge body': [{ type: 'huge', bytes: 8_388_608 }, 'vendor_response_invalid'],
  'a huge compressed body': [{ type: 'huge', bytes: 1_310_720, gzip: true }, 'vendor_response_invalid'],
  'another content type': [{ type: 'wrong-content-type', contentType: `text/${vendorText}` }, 'ok'],
  'a second response': [{ type: 'extra-response' }, 'ok'],
  'data of another user': [{ type: 'wrong-user' }, 'ok'],
  'a redirect': [{ type: 'redirect', location: decoyUrl }, 'vendor_response_invalid'],
  'a redirect with 302': [{ type: 'redirect', location: decoyUrl, status: 302 }, 'vendor_response_invalid'],
  'an expired token': [{ type: 'expired-token' }, 'ok'],
  'a token of an unpublished key': [{ type: 'unpublished-key' }, 'ok'],
};

/** The outcomes of a route that differ from those of {@link faults}. */
export type OutcomeOverrides = Readonly<Partial<Record<keyof typeof faults, Outcome>>>;

/** Returns whether only the deadline ends a call with this fault. */
export function isEndless({ type }: Fault): boolean {
  return type === 'hang' || type === 'latency' || type === 'drip';
}

/** Returns the expected outcome of each fault. `toOutcome` translates the usual outcomes, and no override. */
export function expectedOutcomes(
  overrides: OutcomeOverrides,
  toOutcome = (usual: Outcome): Outcome => usual,
): Readonly<Record<string, Outcome>> {
  const entries = Object.entries(faults).map(([name, [, usual]]) => [name, overrides[name] ?? toOutcome(usual)]);
  return Object.fromEntries(entries) as Record<string, Outcome>;
}

/** The outcome of a call during one fault, and every problem that the test found. */
interface FaultResult {
  readonly outcome: Outcome;
  readonly problems: readonly string[];
}

/** The calls run one after the other, so that the work of one call does not use up the deadline of another. */
let lastTurn: Promise<void> = Promise.resolve();

async function takeTurn(): Promise<() => void> {
  const { promise: turn, resolve: endTurn } = Promise.withResolvers<void>();
  const previousTurn = lastTurn;
  lastTurn = turn;
  await previousTurn;
  return endTurn;
}

/** Resolves when a call has arrived at a route, or when it has ended without arriving there. */
export async function waitForArrival(
  sandbox: Sandbox,
  { vendor, route }: { readonly vendor: FaultRule['vendor']; readonly route: string },
  call: Promise<unknown>,
): Promise<void> {
  const ended = new AbortController();
  const end = () => ended.abort();
  call.then(end, end);
  while (!ended.signal.aborted && (sandbox.calls()[vendor]?.[route] ?? 0) === 0) await setImmediate();
}

/**
 * Runs `callWithFault` for every fault. The faults that only a deadline ends have a sandbox each; the others share one
 * sandbox, one after the other. `callWithFault` may call `endTurn` once it only waits for the deadline: the next fault
 * then begins, so that these calls wait at the same time.
 */
export async function runEveryFault(
  callWithFault: (sandbox: Sandbox, name: string, fault: Fault, endTurn: () => void) => Promise<FaultResult>,
  options: SandboxOptions = {},
) {
  await using decoy = await startDecoyServer();
  const outcomes: Record<string, Outcome> = {};
  const problems: string[] = [];
  const run = async (sandbox: Sandbox, name: string, fault: Fault): Promise<void> => {
    const endTurn = await takeTurn();
    try {
      const result = await callWithFault(sandbox, name, decoy.redirectHere(fault), endTurn);
      outcomes[name] = result.outcome;
      problems.push(...result.problems.map((problem) => `${name}: ${problem}`));
    } finally {
      endTurn();
    }
  };
  const all = Object.entries(faults).map(([name, [fault]]) => ({ name, fault }));
  const waiting = all
    .filter(({ fault }) => isEndless(fault))
    .map(async ({ name, fault }) => {
      await using own = await createSandbox(options);
      await run(own, name, fault);
    });
  await using shared = await createSandbox(options);
  for (const { name, fault } of all) if (!isEndless(fault)) await run(shared, name, fault);
  await Promise.all(waiting);
  return { outcomes, problems, decoyRequests: decoy.requests };
}

/** A server to which a vendor redirects. The broker must never call it. */
interface DecoyServer extends AsyncDisposable {
  readonly requests: readonly string[];
  /** Returns the fault. A redirect leads to this server. */
  readonly redirectHere: (fault: Fault) => Fault;
}

async function startDecoyServer(): Promise<DecoyServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const location = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${vendorText}`;
  return {
    requests,
    redirectHere: (fault) => (fault.type === 'redirect' ? { ...fault, location } : fault),
    [Symbol.asyncDispose]: async () => {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A response, and the problems that the test found in it. */
interface Received {
  readonly outcome: Outcome;
  /** The headers and the body. */
  readonly text: string;
  readonly problems: readonly string[];
}

/** Reads a response to its end. An error must have the status of the error table; only `invalid_token` may be a 401. */
export async function readOutcome(response: Response): Promise<Received> {
  const body = await response.text().catch(() => undefined);
  const headers = JSON.stringify([...response.headers]);
  if (body === undefined) return { outcome: 'cut off', text: headers, problems: [] };
  const text = headers + body;
  if (response.headers.get('content-type') !== 'application/problem+json') {
    const served = isOfAnotherUser(body) ? 'data of another user' : 'ok';
    return { outcome: response.status === 200 ? served : response.status, text, problems: [] };
  }
  const problem = problemSchema.parse(JSON.parse(body));
  const code = problem.code as ErrorCode;
  const problems = [
    ...(errorTable[code].status === response.status && problem.status === response.status ? [] : ['status']),
    ...(response.status === 401 && code !== 'invalid_token' ? ['a 401 that is not about the caller'] : []),
    ...((response.status === 503) === response.headers.has('retry-after') ? [] : ['retry-after']),
    ...(response.headers.get('cache-control') === 'no-store' ? [] : ['cache-control']),
  ].map((what) => `${code}: ${what}`);
  return { outcome: code, text, problems };
}

/** Returns whether a response, or a token in it, names the other user of the fault `wrong-user`. */
function isOfAnotherUser(text: string): boolean {
  const payloads = [...text.matchAll(/\w+\.(\w+)\./g)].map(([, part = '']) =>
    Buffer.from(part, 'base64url').toString(),
  );
  return /wrong-user|00000000bad0|globex/i.test([text, ...payloads].join());
}

/** Returns the problems of the broker after a call: secrets in its records, a broken log, or no response to `/healthz`. */
export async function findProblemsAfter(
  broker: RecordingBroker,
  token: string,
  { outcome, text }: Received,
): Promise<string[]> {
  const isServed = outcome === 'ok' || typeof outcome === 'number';
  const secrets = { vendorText, token, 'a JWT': 'eyJhbGciOi', 'a credential': 'sandbox-only' };
  const leaks = findSecrets(secrets, { ...(await broker.readRecords()), ...(isServed ? {} : { response: text }) });
  const isLogBroken = broker.logLines().some((line) => !isJsonObject(line));
  const isAlive = (await broker.call('/healthz')).status === 200;
  return [...leaks, ...(isLogBroken ? ['an incomplete log line'] : []), ...(isAlive ? [] : ['no response'])];
}

function isJsonObject(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}
