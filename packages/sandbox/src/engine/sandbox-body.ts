import { describeSchemaProblems } from '@valetkey/core-types';
import type { z } from 'zod';
import { jsonResponse, type Call, type SimulatedResponse } from './responses.ts';

/**
 * Parses the JSON body of a route that belongs to the sandbox and to no vendor. Returns the value, or the response that
 * refuses the body.
 * The content type must be JSON, because a web page cannot send that to another origin without a CORS preflight.
 */
export function parseSandboxBody<Schema extends z.ZodType>(
  call: Pick<Call, 'headers' | 'body'>,
  schema: Schema,
): { readonly value: z.output<Schema> } | SimulatedResponse {
  if (!/^application\/json\b/i.test(call.headers['content-type'] ?? '')) {
    return refuse(415, 'Send the body as application/json.');
  }
  let input: unknown;
  try {
    input = JSON.parse(call.body);
  } catch {
    return refuse(400, 'The body is not JSON.');
  }
  const parsed = schema.safeParse(input);
  return parsed.success ? { value: parsed.data } : refuse(400, describeSchemaProblems(parsed.error));
}

function refuse(status: number, description: string): SimulatedResponse {
  return jsonResponse(status, { error: 'invalid_request', error_description: description });
}
