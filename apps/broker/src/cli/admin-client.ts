import { describeForeignError, problemSchema, secureUrlSchema } from '@valetkey/core-types';
import type { z } from 'zod';
import { CommandError } from './command-error.ts';
import { toPrintable } from './terminal.ts';

/** The options of each command that calls the admin API. */
export interface AdminOptions {
  /** The address of the admin listener. */
  readonly url: string;
  /** The configuration file that has the admin token. Absent: the token is in the environment. */
  readonly config?: string | undefined;
}

/** One request to the admin API. */
export interface AdminRequest {
  readonly method?: 'GET' | 'PUT' | 'DELETE';
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that the broker refused. */
export class AdminRefusal extends CommandError {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Calls the admin API of a running broker. */
export interface AdminClient {
  /** Rejects with {@link AdminRefusal} if the broker refuses the request, and with {@link CommandError} if it cannot be reached. */
  readonly fetch: (path: string, request?: AdminRequest) => Promise<Response>;
  /** Returns the JSON of a response, checked by `schema`. */
  readonly read: <Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    query?: Readonly<Record<string, string>>,
  ) => Promise<z.output<Schema>>;
}

/** The address of the admin listener by default. */
export const defaultAdminUrl = 'http://127.0.0.1:8788';

/** The environment variable that has the admin token. */
export const adminTokenVariable = 'VALETKEY_ADMIN_TOKEN';

/** The time that the broker has to respond, in milliseconds. The body of an export may take longer. */
const timeoutMs = 30_000;

/** Creates a client of the admin API. The token comes from `--config` or else from `VALETKEY_ADMIN_TOKEN`. */
export async function createAdminClient({ url, config }: AdminOptions): Promise<AdminClient> {
  if (!secureUrlSchema.safeParse(url).success) {
    throw new CommandError('`--url` must be an https URL; http is for this machine only, such as ' + defaultAdminUrl);
  }
  const base = url.replace(/\/$/, '');
  const token = config === undefined ? process.env[adminTokenVariable] : await readConfiguredToken(config);
  if (token === undefined || token === '') {
    throw new CommandError(`no admin token; set ${adminTokenVariable}, or write \`--config\` with a file that has one`);
  }

  const send = async (path: string, { method = 'GET', query = {}, body, headers }: AdminRequest = {}) => {
    const search = new URLSearchParams(query).toString();
    const address = `${base}${path}${search === '' ? '' : `?${search}`}`;
    const response = await fetchInTime(address, {
      method,
      redirect: 'error',
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw await describeRefusal(response);
    return response;
  };

  return {
    fetch: send,
    read: async (schema, path, query) => {
      const response = await send(path, { ...(query && { query }) });
      const { success, data } = schema.safeParse(await response.json().catch(() => undefined));
      if (!success) throw otherServerError();
      return data;
    },
  };
}

async function fetchInTime(address: string, init: RequestInit): Promise<Response> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    return await fetch(address, { ...init, signal: controller.signal });
  } catch (error) {
    const { code, name } = describeForeignError(error instanceof TypeError ? error.cause : error);
    throw new CommandError(`the broker cannot be reached at ${new URL(address).origin} (${code ?? name})`);
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the error for a response that is none of this version's admin API. */
export function otherServerError(): CommandError {
  return new CommandError('the response is not one of a broker of this version; check `--url`');
}

/** Returns the error of a response that is no success. The text of anything but a broker is not shown. */
async function describeRefusal(response: Response): Promise<CommandError> {
  const { status } = response;
  const { success, data } = problemSchema.safeParse(await response.json().catch(() => undefined));
  if (!success) {
    return new CommandError(`the response has status ${status} and is not one of a broker; check \`--url\``);
  }
  const text = `${data.detail} ${data.remediation} (${data.code}, request ${data.request_id})`;
  return new AdminRefusal(status, toPrintable(text));
}

/** Returns the first admin token that a configuration file contains. A hash is no token. */
async function readConfiguredToken(file: string): Promise<string | undefined> {
  // Imported here, because most calls read no configuration.
  const { loadUnusedConfig } = await import('../config/load-config.ts');
  const { token, tokens } = (await loadUnusedConfig(file)).admin;
  for (const slots of [token, ...tokens.map((named) => named.token)]) {
    if (slots !== undefined && 'current' in slots) return slots.current.reveal();
  }
  return undefined;
}
