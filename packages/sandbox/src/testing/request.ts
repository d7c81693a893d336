import { z } from 'zod';

/** An answer, read whole. */
export interface ReadAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body's fields; empty if it is no JSON object. */
  readonly fields: Readonly<Record<string, unknown>>;
}

const fieldsSchema = z.record(z.string(), z.unknown());

/** Sends a request and reads the answer whole, redirects as they are. */
export const request = async (url: string, init: RequestInit = {}): Promise<ReadAnswer> => {
  const answer = await fetch(url, { redirect: 'manual', ...init });
  const text = await answer.text();
  let fields: ReadAnswer['fields'] = {};
  try {
    fields = fieldsSchema.parse(JSON.parse(text));
  } catch {
    // Not JSON, which the test sees by what is missing.
  }
  return { status: answer.status, headers: answer.headers, text, fields };
};

export const postJson = (url: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

export const postForm = (
  url: string,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
) => request(url, { method: 'POST', headers, body: new URLSearchParams(form) });

/** A text field of an answer; a test that asks for one that is missing fails. */
export const text = (answer: ReadAnswer, field: string): string => z.string().parse(answer.fields[field]);
