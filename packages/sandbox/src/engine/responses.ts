import type { IncomingHttpHeaders } from 'node:http';

/** The response of a simulated service. */
export interface SimulatedResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
}

/** A flaw of the tokens in a response: they have expired, or the issuer does not publish the key that signed them. */
export type TokenFlaw = 'expired' | 'unpublished-key';

/** One call to a simulated service. */
export interface Call {
  /** The values of the route's placeholders, percent-decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Whether the response has to be about a different user, as from a vendor whose cache mixes users up. */
  readonly wrongUser: boolean;
  readonly tokenFlaw: TokenFlaw | undefined;
}

/** The routes of a service, by `METHOD /path` with the vendor's own placeholders: `GET /v2/user/{user_id}`. */
export type Routes = Readonly<Record<string, (call: Call) => SimulatedResponse | Promise<SimulatedResponse>>>;

/** Headers of a response that must not be cached. */
export const noStore = { 'cache-control': 'no-store', pragma: 'no-cache' };

/** Returns a response with a JSON body. */
export function jsonResponse(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): SimulatedResponse {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(value),
  };
}

/** Returns an error of an OAuth endpoint (RFC 6749 section 5.2). */
export function oauthError(error: string, description?: string, status = 400): SimulatedResponse {
  return jsonResponse(status, { error, ...(description !== undefined && { error_description: description }) }, noStore);
}

/** Returns the fields of a body that is a JSON object, or undefined for any other body. */
export function parseJsonObject(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns the fields of a form. Returns undefined if the body has another content type or repeats a field (RFC 6749
 * section 3.2).
 */
export function parseForm(call: Call): URLSearchParams | undefined {
  if (!/^application\/x-www-form-urlencoded\b/i.test(call.headers['content-type'] ?? '')) return undefined;
  const form = new URLSearchParams(call.body);
  const names = [...form.keys()];
  return new Set(names).size === names.length ? form : undefined;
}

/** Returns the token of `Authorization: Bearer …`. The scheme matches in any case (RFC 9110 section 11.1). */
export function bearerToken(call: Call): string | undefined {
  return /^bearer +([^ ]+)$/i.exec(call.headers.authorization ?? '')?.[1];
}
