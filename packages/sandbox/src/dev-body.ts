import type { z } from 'zod';
import { json, type Answer, type Call } from './answer.ts';
import { describe } from './parse.ts';

/**
 * Reads the body of one of the sandbox's own routes. It has to be called JSON, which no web page can send to another
 * origin without asking first.
 */
export const readDevBody = <Schema extends z.ZodType>(
  call: Pick<Call, 'headers' | 'body'>,
  schema: Schema,
): { readonly value: z.output<Schema> } | Answer => {
  if (!/^application\/json\b/i.test(call.headers['content-type'] ?? '')) {
    return json(415, { error: 'invalid_request', error_description: 'Send the body as application/json.' });
  }
  let input: unknown;
  try {
    input = JSON.parse(call.body);
  } catch {
    return json(400, { error: 'invalid_request', error_description: 'The body is not JSON.' });
  }
  const parsed = schema.safeParse(input);
  if (parsed.success) return { value: parsed.data };
  return json(400, { error: 'invalid_request', error_description: describe(parsed.error) });
};
