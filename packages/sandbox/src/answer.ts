import type { IncomingHttpHeaders } from 'node:http';

/** What a simulated vendor answers. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
}

/** How the tokens of an answer are spoilt, if they are. */
export type TokenFlaw = 'expired' | 'unpublished-key';

/** One call to a simulated vendor. */
export interface Call {
  /** Values of the route's placeholders, percent-decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The vendor is to answer about somebody else, as a vendor with a mixed-up cache would. */
  readonly wrongUser: boolean;
  readonly tokenFlaw: TokenFlaw | undefined;
}

/** The routes of a vendor, by `METHOD /path` with the vendor's own placeholders. */
export type Routes = Readonly<Record<string, (call: Call) => Answer | Promise<Answer>>>;

/** Builds an answer with a JSON body. */
export const json = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(value),
});

/** Parses a body that has to be a JSON object; anything else is `undefined`. */
export const parseJsonObject = (body: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
};

/** Parses a form body, where no parameter may repeat (RFC 6749 section 3.2); a body that is none is `undefined`. */
export const parseForm = (call: Call): URLSearchParams | undefined => {
  if (!/^application\/x-www-form-urlencoded\b/i.test(call.headers['content-type'] ?? '')) return undefined;
  const form = new URLSearchParams(call.body);
  const names = [...form.keys()];
  return new Set(names).size === names.length ? form : undefined;
};

/** The token of `Authorization: Bearer …`; the scheme is matched in any case (RFC 9110 section 11.1). */
export const bearerToken = (call: Call): string | undefined =>
  /^bearer +([^ ]+)$/i.exec(call.headers.authorization ?? '')?.[1];

/** What no cache may keep. */
export const noStore = { 'cache-control': 'no-store', pragma: 'no-cache' };

/** An error of an OAuth endpoint (RFC 6749 section 5.2). */
export const oauthError = (error: string, description?: string, status = 400): Answer =>
  json(status, { error, ...(description !== undefined && { error_description: description }) }, noStore);
