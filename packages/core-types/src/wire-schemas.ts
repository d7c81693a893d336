import { z } from 'zod';
import { errorTable, type ErrorCode } from './errors.ts';
import type { ConnectionExplanation, IssueEnvelope, Problem, SessionResponse } from './wire.ts';

const codes = Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]];

/** Parses the envelope of an issue response. The vendor's own fields are kept beside it. */
export const issueResponseSchema = z.looseObject({
  vendor: z.string(),
  connection: z.string(),
  vendor_user_id: z.string().optional(),
  expires_in: z.number().optional(),
  expires_at: z.iso.datetime().optional(),
  refresh_after: z.number().optional(),
  server_time: z.iso.datetime(),
}) satisfies z.ZodType<IssueEnvelope>;

const connectionExplanationSchema = z.object({
  connection: z.string(),
  vendor: z.string(),
  allowed: z.boolean(),
  checks: z.array(
    z.object({
      check: z.enum(['policy', 'issuers', 'requiredScopes', 'requiredClaims', 'blocked', 'user', 'issue', 'proxy']),
      outcome: z.enum(['passed', 'failed', 'not_reached']),
      detail: z.string(),
    }),
  ),
  change: z.string(),
}) satisfies z.ZodType<ConnectionExplanation>;

/** Parses the response of `GET /v1/session`. */
export const sessionResponseSchema = z.object({
  issuer: z.string(),
  subject: z.string(),
  scopes: z.array(z.string()),
  expires_at: z.iso.datetime().optional(),
  vendors: z.record(
    z.string(),
    z.object({
      vendor: z.string(),
      operations: z.array(z.enum(['issue', 'proxy', 'authenticate'])),
      vendor_user_id: z.string().optional(),
    }),
  ),
  explanation: connectionExplanationSchema.optional(),
  server_time: z.iso.datetime(),
}) satisfies z.ZodType<SessionResponse>;

/** Parses the response to a failed request. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  code: z.enum(codes),
  detail: z.string(),
  remediation: z.string(),
  request_id: z.string(),
  vendor: z.string().optional(),
  connection: z.string().optional(),
}) satisfies z.ZodType<Problem>;
