import { z } from 'zod';
import { createAdminClient, otherServerError, type AdminOptions } from './admin-client.ts';

const decisionSchema = z.object({
  at: z.string(),
  request_id: z.string(),
  operation: z.string(),
  connection: z.string().optional(),
  vendor: z.string().optional(),
  issuer: z.string(),
  subject: z.string(),
  vendor_user_id: z.string().optional(),
  outcome: z.string(),
  reason: z.string().optional(),
  method: z.string().optional(),
  path: z.string().optional(),
  vendor_status: z.number().optional(),
  duration_ms: z.number().optional(),
  actor: z.string().optional(),
  observed: z.string().optional(),
  client_address: z.string().optional(),
  trace_id: z.string().optional(),
  times: z.number().optional(),
  last_at: z.string().optional(),
});
const pageSchema = z.object({ decisions: z.array(decisionSchema), next_cursor: z.string().optional() });

/** A decision as the admin API returns it. */
export type ListedDecision = z.output<typeof decisionSchema>;
export type DecisionList = z.output<typeof pageSchema>;

/** The query parameters of `GET /v1/decisions`. Absent ones are not sent. */
export type DecisionParameters = Readonly<Record<string, string | undefined>>;

/** The decisions of a running broker. */
export interface Decisions {
  readonly list: (parameters: DecisionParameters) => Promise<DecisionList>;
  /** Returns the whole selection as lines of JSON. */
  readonly stream: (parameters: DecisionParameters) => Promise<ReadableStream<Uint8Array>>;
}

/** Opens the decisions of the broker at `url`. Each call that fails rejects with a `CommandError`. */
export async function openDecisions(options: AdminOptions): Promise<Decisions> {
  const client = await createAdminClient(options);
  const path = '/v1/decisions';
  return {
    list: (parameters) => client.read(pageSchema, path, withoutAbsent(parameters)),
    stream: async (parameters) => {
      const accept = 'application/x-ndjson';
      const { body, headers } = await client.fetch(path, { query: withoutAbsent(parameters), headers: { accept } });
      if (body === null || headers.get('content-type')?.startsWith(accept) !== true) throw otherServerError();
      return body;
    },
  };
}

function withoutAbsent(parameters: DecisionParameters): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(parameters).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
