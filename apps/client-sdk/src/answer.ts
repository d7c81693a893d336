import { ValetError } from './valet-error.ts';
import type { IssueEnvelope, Problem, SessionAnswer } from './wire.ts';

/** The statuses under which the broker's table says that a retry may succeed. */
const retryableStatuses = new Set([429, 503, 504]);
/** A gateway in front of the broker says 502 while the broker restarts; the broker itself means the vendor by it. */
const retryableGatewayStatuses = new Set([502, ...retryableStatuses]);

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isProblem(value: unknown): value is Problem {
  return isObject(value) && typeof value['code'] === 'string' && typeof value['request_id'] === 'string';
}

function retryAfterSeconds(response: Response): number | undefined {
  const header = response.headers.get('retry-after');
  return header !== null && /^\d{1,9}$/.test(header) ? Number(header) : undefined;
}

async function readText(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch {
    throw new ValetError('network_unavailable', 'The connection broke off within the answer.');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The broker's own refusal or failure, if `response` is one. Leaves the body to be read. */
export async function brokerError(response: Response, vendor?: string): Promise<ValetError | undefined> {
  const isProblemType = response.headers.get('content-type')?.startsWith('application/problem+json');
  if (response.ok || isProblemType !== true) return undefined;

  const problem = parseJson(await readText(response.clone()));
  if (!isProblem(problem)) return undefined;
  return new ValetError(problem.code, problem.detail, {
    status: response.status,
    remediation: problem.remediation,
    retryable: retryableStatuses.has(response.status),
    retryAfterSeconds: retryAfterSeconds(response),
    requestId: problem.request_id,
    vendor: problem.vendor ?? vendor,
  });
}

async function readObject(response: Response, vendor?: string): Promise<Record<string, unknown>> {
  const answer = response.ok ? parseJson(await readText(response)) : undefined;
  if (isObject(answer) && Number.isFinite(Date.parse(String(answer['server_time'])))) return answer;
  throw new ValetError('answer_invalid', `The answer (HTTP ${response.status}) is not one of a Valet Key broker.`, {
    status: response.status,
    retryable: retryableGatewayStatuses.has(response.status),
    retryAfterSeconds: retryAfterSeconds(response),
    vendor,
  });
}

export async function readIssueAnswer(response: Response, vendor: string): Promise<IssueEnvelope> {
  const answer = await readObject(response, vendor);
  if (answer['vendor'] !== vendor) {
    throw new ValetError('answer_invalid', 'The answer is about another vendor.', { status: response.status, vendor });
  }
  return answer as unknown as IssueEnvelope;
}

export async function readSessionAnswer(response: Response): Promise<SessionAnswer> {
  const answer = await readObject(response);
  const { subject, vendors } = answer;
  if (typeof subject !== 'string' || !isObject(vendors)) {
    throw new ValetError('answer_invalid', 'The answer does not describe a session.', { status: response.status });
  }
  return answer as unknown as SessionAnswer;
}

/** The answer's fields `names`, which must all be non-empty strings. */
export function stringFields<Name extends string>(
  answer: IssueEnvelope & Partial<Record<Name, unknown>>,
  ...names: readonly Name[]
): Record<Name, string> {
  const fields = {} as Record<Name, string>;
  for (const name of names) {
    const value: unknown = answer[name];
    if (typeof value !== 'string' || value === '') {
      throw new ValetError('answer_invalid', `The answer lacks \`${name}\`.`, { vendor: answer.vendor });
    }
    fields[name] = value;
  }
  return fields;
}
