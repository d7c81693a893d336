import { ValetError } from './valet-error.ts';
import type { IssueEnvelope, Problem, SessionAnswer } from './wire.ts';

/** The statuses of the retryable errors in the broker's table. */
const retryableStatuses = new Set([429, 503, 504]);
/** A gateway in front of the broker responds 502 while the broker restarts. The broker's own 502 is about a vendor. */
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
    throw new ValetError('network_unavailable', 'The connection ended in the middle of the response.');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the broker's own refusal or failure, if `response` is one. The body can still be read afterwards. */
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

async function parseObject(response: Response, vendor?: string): Promise<Record<string, unknown>> {
  const answer = response.ok ? parseJson(await readText(response)) : undefined;
  if (isObject(answer) && Number.isFinite(Date.parse(String(answer['server_time'])))) return answer;
  throw new ValetError('answer_invalid', `The response (HTTP ${response.status}) is not from a Valet Key broker.`, {
    status: response.status,
    retryable: retryableGatewayStatuses.has(response.status),
    retryAfterSeconds: parseRetryAfterSeconds(response),
    vendor,
  });
}

export async function parseIssueAnswer(response: Response, connection: string): Promise<IssueEnvelope> {
  const answer = await parseObject(response, connection);
  if (answer['connection'] !== connection) {
    throw new ValetError('answer_invalid', 'The response is about another vendor.', {
      status: response.status,
      vendor: connection,
    });
  }
  return answer as unknown as IssueEnvelope;
}

export async function parseSessionAnswer(response: Response): Promise<SessionAnswer> {
  const answer = await parseObject(response);
  const { subject, vendors } = answer;
  if (typeof subject !== 'string' || !isObject(vendors)) {
    throw new ValetError('answer_invalid', 'The response does not describe a session.', { status: response.status });
  }
  return answer as unknown as SessionAnswer;
}

/** Returns the fields `names` of a response. Throws `answer_invalid` unless each is a non-empty string. */
export function requireStringFields<Name extends string>(
  answer: IssueEnvelope & Partial<Record<Name, unknown>>,
  ...names: readonly Name[]
): Record<Name, string> {
  const fields = {} as Record<Name, string>;
  for (const name of names) {
    const value: unknown = answer[name];
    if (typeof value !== 'string' || value === '') {
      throw new ValetError('answer_invalid', `The response has no \`${name}\`.`, { vendor: answer.vendor });
    }
    fields[name] = value;
  }
  return fields;
}
