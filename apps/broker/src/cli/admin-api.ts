import { codeOfForeignError, problemSchema } from '@valetkey/core-types';
import { z } from 'zod';
import { readConfigFile } from '../config/config-file.ts';
import { parseConfig } from '../config/parse-config.ts';
import { CommandError } from './command-error.ts';
import { toPrintable } from './dev-lines.ts';

/** Where the admin API is, and from where its token comes. */
export interface AdminApiOptions {
  readonly url: string;
  /** A configuration whose admin token is used. Absent: the token is in `VALETKEY_ADMIN_TOKEN`. */
  readonly config?: string | undefined;
}

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
});
const pageSchema = z.object({ decisions: z.array(decisionSchema), next_cursor: z.string().optional() });

/** A decision as the admin API returns it. */
export type ListedDecision = z.output<typeof decisionSchema>;
export type DecisionList = z.output<typeof pageSchema>;

/** The query parameters of `GET /v1/decisions`. Absent ones are not sent. */
export type DecisionParameters = Readonly<Record<string, string | undefined>>;

/** The admin API of a running broker. */
export interface AdminApi {
  readonly listDecisions: (parameters: DecisionParameters) => Promise<DecisionList>;
  /** Returns the whole selection as lines of JSON. */
  readonly streamDecisions: (parameters: DecisionParameters) => Promise<ReadableStream<Uint8Array>>;
}

/** Reads the admin token, and returns the admin API at `url`. Each call that fails throws a `CommandError`. */
export async function openAdminApi({ url, config }: AdminApiOptions): Promise<AdminApi> {
  const base = parseUrl(url);
  const token = await readAdminToken(config);
  const get = async (parameters: DecisionParameters, accept: string): Promise<Response> => {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, value);
    const headers = { authorization: `Bearer ${token}`, accept };
    // A redirect could lead the token to another server.
    const response = await fetch(`${base}/v1/decisions?${query}`, { headers, redirect: 'error' }).catch(
      (error: unknown) => {
        const { cause } = error as { cause?: unknown };
        const code = codeOfForeignError(cause) ?? 'no response';
        throw new CommandError(
          `the broker cannot be reached at ${base} (${code}); name its address for operators with \`--url\``,
        );
      },
    );
    if (response.ok && response.headers.get('content-type')?.startsWith(accept) === true) return response;
    throw response.ok ? otherServer(base) : await describeRefusal(base, response);
  };
  return {
    listDecisions: async (parameters) => {
      const response = await get(parameters, 'application/json');
      const { data } = pageSchema.safeParse(await response.json().catch(() => undefined));
      if (data === undefined) throw otherServer(base);
      return data;
    },
    streamDecisions: async (parameters) => {
      const { body } = await get(parameters, 'application/x-ndjson');
      if (body === null) throw otherServer(base);
      return body;
    },
  };
}

function parseUrl(url: string): string {
  const parsed = URL.parse(url);
  if (parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === '' && parsed.password === '') {
    return parsed.origin + parsed.pathname.replace(/\/+$/, '');
  }
  throw new CommandError('`--url` must be an http or https URL without a user, such as http://127.0.0.1:8788');
}

async function readAdminToken(file: string | undefined): Promise<string> {
  if (file !== undefined) {
    // The token is read and nothing is started, so credentials of the sandbox are accepted as well.
    const { admin } = parseConfig(await readConfigFile(file));
    if (admin.token !== undefined) return admin.token.current.reveal();
    throw new CommandError(`${file} has no \`admin.token\``);
  }
  const token = process.env['VALETKEY_ADMIN_TOKEN'] ?? '';
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new CommandError(
    'there is no admin token; set the environment variable VALETKEY_ADMIN_TOKEN, or name the configuration with `--config`',
  );
}

function otherServer(base: string): CommandError {
  return new CommandError(
    `the server at ${base} does not respond as this version of the admin API does; check \`--url\` and the version of the broker`,
  );
}

async function describeRefusal(base: string, response: Response): Promise<CommandError> {
  const { data } = problemSchema.safeParse(await response.json().catch(() => undefined));
  if (data === undefined) return otherServer(base);
  return new CommandError(toPrintable(`the broker refused (${data.code}). ${data.detail} ${data.remediation}`));
}
