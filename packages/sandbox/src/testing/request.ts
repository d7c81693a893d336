import { z } from 'zod';

/** A response whose body has been read. */
export interface ReadResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The fields of the body; empty if the body is not a JSON object. */
  readonly fields: Readonly<Record<string, unknown>>;
}

const fieldsSchema = z.record(z.string(), z.unknown());

/** Sends a request and reads the whole response. Redirects are returned and not followed. */
export async function request(url: string, init: RequestInit = {}): Promise<ReadResponse> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, fields: parseFields(text) };
}

export function postJson(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<ReadResponse> {
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
): Promise<ReadResponse> {
  return request(url, { method: 'POST', headers, body: new URLSearchParams(form) });
}

/** Returns a text field of a response. Throws if the field is missing. */
export function textField(response: ReadResponse, field: string): string {
  return z.string().parse(response.fields[field]);
}

function parseFields(body: string): ReadResponse['fields'] {
  try {
    return fieldsSchema.parse(JSON.parse(body));
  } catch {
    return {};
  }
}
