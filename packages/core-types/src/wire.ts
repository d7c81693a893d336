// The broker's JSON, as types alone: this file imports nothing, so that the client can carry a copy without zod.

/** What every answer of `POST /v1/vendors/{vendor}/token` carries beside the vendor's own fields. */
export interface IssueEnvelope {
  vendor: string;
  /** The caller's identity at the vendor, where the token is bound to it. */
  vendor_user_id?: string | undefined;
  /** Seconds of life from receipt. */
  expires_in?: number | undefined;
  /** ISO 8601, UTC. */
  expires_at?: string | undefined;
  /** Seconds from receipt after which a new token should be asked for. */
  refresh_after?: number | undefined;
  /** The broker's clock, ISO 8601, UTC. */
  server_time: string;
}

/** The answer of `POST /v1/vendors/{vendor}/token`: the vendor's own field names and the common envelope. */
export type IssueAnswer<Fields extends object = object> = IssueEnvelope & Fields;

/** What a caller may do at one vendor. */
export interface SessionVendor {
  operations: ('issue' | 'proxy' | 'authenticate')[];
  vendor_user_id?: string | undefined;
}

/** The answer of `GET /v1/session`. */
export interface SessionAnswer {
  issuer: string;
  subject: string;
  scopes: string[];
  /** When the caller's token ends, ISO 8601, UTC. */
  expires_at?: string | undefined;
  vendors: Record<string, SessionVendor>;
  /** The broker's clock, ISO 8601, UTC. */
  server_time: string;
}

/** An error answer: `application/problem+json` (RFC 9457). */
export interface Problem {
  /** Where this code is documented. */
  type: string;
  title: string;
  status: number;
  code: string;
  /** What went wrong, in our own words. */
  detail: string;
  /** What the reader can do about it. */
  remediation: string;
  request_id: string;
  vendor?: string | undefined;
}
