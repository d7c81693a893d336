import { originOf } from '../http/broker-url.ts';
import { isObject } from '../checks/is-object.ts';
import type { ServerTime } from './server-time.ts';
import { ValetError } from '../errors/valet-error.ts';
import type { IssueEnvelope, Problem, SessionResponse } from './wire.ts';

/** The HTTP statuses of the broker's retryable errors. */
const retryableStatuses = new Set([429, 503, 504]);
/**
 * The HTTP statuses of a gateway that are retryable. A gateway in front of the broker responds 502 while the broker
 * restarts; the broker itself responds 502 if a vendor refused its credentials or sent an invalid response, which is
 * not retryable.
 */
const retryableGatewayStatuses = new Set([502, 511, ...retryableStatuses]);
const redirectStatuses = new Set([301, 302, 303, 307, 308]);

/** The response header that only a broker sends. Its value says who wrote the response. */
const markHeader = 'valet-key';

function isProblem(value: unknown): value is Problem {
  return isObject(value) && typeof value['code'] === 'string' && typeof value['request_id'] === 'string';
}

/** A date in the form that RFC 9110 section 5.6.7 prescribes. */
const httpDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** Returns the seconds of `retry-after`, which may also be a date. `nowMs` is the time of the server that wrote it. */
function parseRetryAfterSeconds({ headers }: Response, nowMs: number): number | undefined {
  const header = headers.get('retry-after') ?? '';
  if (/^\d{1,9}$/.test(header)) return Number(header);
  if (!httpDate.test(header)) return undefined;
  const sentAtMs = Date.parse(headers.get('date') ?? '');
  const seconds = Math.ceil((Date.parse(header) - (Number.isFinite(sentAtMs) ? sentAtMs : nowMs)) / 1000);
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

const unmarkedRemediation =
  'Check that `brokerUrl` is a Valet Key broker, not older than this client, and that no gateway changes its responses or hides the header `valet-key` from web pages.';

/** Returns whether a response may be the page of a network on which the user has to sign in first. */
function isSignInPage({ ok, headers }: Response): boolean {
  return ok && (headers.get('content-type') ?? '').startsWith('text/html');
}

/** What the client knows about the call that a response belongs to. */
export interface ResponseContext {
  readonly brokerUrl: string;
  readonly serverTime: ServerTime;
  readonly vendor?: string | undefined;
}

/**
 * Returns whether the broker or a vendor wrote a response. Throws if it is neither: for a redirect, for a response from
 * another host, which React Native returns after it followed a redirect, and for a response without the broker's mark,
 * which a gateway or the sign-in page of a network sent.
 */
export function checkSource(response: Response, context: ResponseContext): 'broker' | 'vendor' {
  const { brokerUrl, serverTime, vendor } = context;
  const { status, type, url } = response;
  if (type === 'opaqueredirect' || redirectStatuses.has(status) || response.redirected) {
    throw new ValetError('network_unavailable', 'The broker responded with a redirect.', { vendor });
  }
  if (url && !url.startsWith(`${brokerUrl}/`) && originOf(url) !== originOf(brokerUrl)) {
    throw new ValetError('network_unavailable', 'The response came from another host than the broker.', { vendor });
  }
  const mark = response.headers.get(markHeader);
  if (mark === 'broker' || mark === 'vendor') return mark;
  throw new ValetError(
    'response_invalid',
    `The response (HTTP ${status}) lacks the header \`${markHeader}\` of a broker.`,
    {
      status,
      remediation: unmarkedRemediation,
      retryable: isSignInPage(response) || retryableGatewayStatuses.has(status),
      retryAfterSeconds: parseRetryAfterSeconds(response, serverTime.nowMs()),
      vendor,
    },
  );
}

async function readText(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch {
    throw new ValetError('network_unavailable', 'The response of the broker ended too early.');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the error that a response of the broker describes, or undefined for a successful response. */
export async function parseBrokerError(
  response: Response,
  { serverTime, vendor }: ResponseContext,
): Promise<ValetError | undefined> {
  const { ok, status } = response;
  if (ok) return undefined;
  const problem = parseJson(await readText(response));
  const details = {
    status,
    retryable: retryableStatuses.has(status),
    retryAfterSeconds: parseRetryAfterSeconds(response, serverTime.nowMs()),
    vendor,
  };
  if (!isProblem(problem)) {
    return new ValetError('response_invalid', `The error of the broker (HTTP ${status}) cannot be read.`, details);
  }
  const { code, detail, remediation, request_id: requestId } = problem;
  return new ValetError(code, detail, { ...details, remediation, requestId, vendor: problem.vendor ?? vendor });
}

/** Returns the JSON object of a broker's successful response. Throws `response_invalid` for any other response. */
async function parseObject(response: Response, vendor?: string): Promise<Record<string, unknown>> {
  const body = parseJson(await readText(response));
  if (isObject(body) && Number.isFinite(Date.parse(String(body['server_time'])))) return body;
  const { status } = response;
  throw new ValetError('response_invalid', `The response (HTTP ${status}) is not that of a broker.`, {
    status,
    vendor,
  });
}

export async function parseIssueResponse(response: Response, connection: string): Promise<IssueEnvelope> {
  const body = await parseObject(response, connection);
  if (body['connection'] !== connection) {
    throw new ValetError('response_invalid', 'The response is about another connection.', {
      status: response.status,
      vendor: connection,
    });
  }
  return body as unknown as IssueEnvelope;
}

export async function parseSessionResponse(response: Response): Promise<SessionResponse> {
  const body = await parseObject(response);
  const { subject, vendors } = body;
  if (typeof subject !== 'string' || !isObject(vendors)) {
    throw new ValetError('response_invalid', 'The response does not describe a session.', { status: response.status });
  }
  return body as unknown as SessionResponse;
}

/**
 * Returns the fields `names` of an issue response. Throws `response_invalid` unless each of them is a non-empty string.
 */
export function requireStringFields<Name extends string>(
  response: IssueEnvelope & Partial<Record<Name, unknown>>,
  ...names: readonly Name[]
): Record<Name, string> {
  const fields = {} as Record<Name, string>;
  for (const name of names) {
    const value: unknown = response[name];
    if (typeof value !== 'string' || value === '') {
      throw new ValetError('response_invalid', `The response has no \`${name}\`.`, { vendor: response.vendor });
    }
    fields[name] = value;
  }
  return fields;
}
