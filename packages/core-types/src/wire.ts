// The broker's JSON as types only. This file imports nothing, so that the client SDK can ship a copy without zod.

/** The fields of every response of `POST /v1/vendors/{connection}/token` besides the vendor's own fields. */
export interface IssueEnvelope {
  /** The vendor's id, such as `vital`. */
  vendor: string;
  /** The name of the connection, as in the path of the request. */
  connection: string;
  /** The principal's user id at the vendor, if the token is bound to that user. */
  vendor_user_id?: string | undefined;
  /** Seconds until the token expires, counted from receipt. */
  expires_in?: number | undefined;
  /** ISO 8601, UTC. */
  expires_at?: string | undefined;
  /** Seconds after which the app should request a new token, counted from receipt. */
  refresh_after?: number | undefined;
  /** The broker's clock, ISO 8601, UTC. */
  server_time: string;
}

/** The response of `POST /v1/vendors/{connection}/token`: the vendor's own fields and the common envelope. */
export type IssueResponse<Fields extends object = object> = IssueEnvelope & Fields;

/** A connection, and the operations that the caller may use. */
export interface SessionVendor {
  /** The vendor's id, such as `vital`. */
  vendor: string;
  operations: ('issue' | 'proxy' | 'authenticate')[];
  vendor_user_id?: string | undefined;
}

/** One check of whether a caller may use a connection. */
export interface ConnectionCheck {
  /** A field of the connection, `blocked`, or the operation that the vendor would be asked for. */
  check: 'policy' | 'issuers' | 'requiredScopes' | 'requiredClaims' | 'blocked' | 'user' | 'issue' | 'proxy';
  outcome: 'passed' | 'failed' | 'not_reached';
  detail: string;
}

/** Why a caller may or may not use a connection, found without a call to the vendor. */
export interface ConnectionExplanation {
  connection: string;
  vendor: string;
  /** Whether every check has passed. */
  allowed: boolean;
  checks: ConnectionCheck[];
  /** What has to be changed, and where. */
  change: string;
}

/** The response of `GET /v1/session`. */
export interface SessionResponse {
  issuer: string;
  subject: string;
  scopes: string[];
  /** When the caller's token expires, ISO 8601, UTC. */
  expires_at?: string | undefined;
  /** The connections that the caller may use, by name. */
  vendors: Record<string, SessionVendor>;
  /** Present for `?explain=<connection>`, if the operator allows it. */
  explanation?: ConnectionExplanation | undefined;
  /** The broker's clock, ISO 8601, UTC. */
  server_time: string;
}

/** The response to a failed request: `application/problem+json` (RFC 9457). */
export interface Problem {
  /** The page that documents this code. */
  type: string;
  title: string;
  status: number;
  code: string;
  /** What happened. */
  detail: string;
  /** What the caller can do about the failure. */
  remediation: string;
  request_id: string;
  /** The vendor that the failure is about. */
  vendor?: string | undefined;
  /** The connection through which that vendor was called. */
  connection?: string | undefined;
}
