import { z } from 'zod';

/** A response whose body has been read. */
export interface ReadAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The fields of the body; empty if the body is not a JSON object. */
  readonly fields: Readonly<Record<string, unknown>>;
}

const fieldsSchema = z.record(z.string(), z.unknown());

/** Sends a request and reads the whole response. Redirects are returned and not followed. */
export async function request(url: string, init: RequestInit = {}): Promise<ReadAnswer> {
  const answer = await fetch(url, { redirect: 'manual', ...init });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, fields: parseFields(text) };
}

export function postJson(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<ReadAnswer> {
  return request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

export function postForm(
  url: string,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<ReadAnswer> {
  return request(url, { method: 'POST', headers, body: new URLSearchParams(form) });
}

/** Returns a text field of a response. Throws, and so fails the test, if the field is missing. */
export function text(answer: ReadAnswer, field: string): string {
  return z.string().parse(answer.fields[field]);
}

function parseFields(body: string): ReadAnswer['fields'] {
  try {
    return fieldsSchema.parse(JSON.parse(body));
  } catch {
    return {};
  }
}
