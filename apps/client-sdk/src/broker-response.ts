import { ValetError } from './valet-error.ts';
import type { IssueEnvelope, Problem, SessionResponse } from './wire.ts';

/** The HTTP statuses of the broker's retryable errors. */
const retryableStatuses = new Set([429, 503, 504]);
/**
 * The HTTP statuses of a gateway that are retryable. A gateway in front of the broker responds 502 while the broker
 * restarts; the broker itself responds 502 if a vendor refused its credentials or sent an invalid response, which is
 * not retryable.
 */
const retryableGatewayStatuses = new Set([502, ...retryableStatuses]);

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isProblem(value: unknown): value is Problem {
  return isObject(value) && typeof value['code'] === 'string' && typeof value['request_id'] === 'string';
}

function parseRetryAfterSeconds(response: Response): number | undefined {
  const header = response.headers.get('retry-after');
  return header !== null && /^\d{1,9}$/.test(header) ? Number(header) : undefined;
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

/**
 * Returns the broker's own error if `response` contains one. The caller can still read the body of `response`
 * afterwards.
 */
export async function parseBrokerError(response: Response, vendor?: string): Promise<ValetError | undefined> {
  const isProblemType = response.headers.get('content-type')?.startsWith('application/problem+json');
  if (response.ok || isProblemType !== true) return undefined;

  const problem = parseJson(await readText(response.clone()));
  if (!isProblem(problem)) return undefined;
  return new ValetError(problem.code, problem.detail, {
    status: response.status,
    remediation: problem.remediation,
    retryable: retryableStatuses.has(response.status),
    retryAfterSeconds: parseRetryAfterSeconds(response),
    requestId: problem.request_id,
    vendor: problem.vendor ?? vendor,
  });
}

/** Returns the JSON object of a broker's successful response. Throws `response_invalid` for any other response. */
async function parseObject(response: Response, vendor?: string): Promise<Record<string, unknown>> {
  const body = response.ok ? parseJson(await readText(response)) : undefined;
  if (isObject(body) && Number.isFinite(Date.parse(String(body['server_time'])))) return body;
  throw new ValetError('response_invalid', `The response (HTTP ${response.status}) is not from a Valet Key broker.`, {
    status: response.status,
    retryable: retryableGatewayStatuses.has(response.status),
    retryAfterSeconds: parseRetryAfterSeconds(response),
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
