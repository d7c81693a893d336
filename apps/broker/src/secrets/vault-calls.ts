import { codeOfForeignError, connectionDropped, type Secret } from '@valetkey/core-types';
import { describeNetworkFailure, readBytes } from './network.ts';
import { SecretReadError } from './secret-manager.ts';
import type { VaultFields } from './secrets-fields.ts';

/** One call to the HTTP API of Vault. */
export interface VaultCall {
  readonly method: 'GET' | 'POST';
  /** The path below `/v1/`. */
  readonly path: string;
  readonly token?: Secret;
  readonly body?: object;
}

/** The response to a call. `body` is undefined unless the response is JSON. */
export interface VaultResponse {
  readonly status: number;
  readonly body: unknown;
}

/** Calls Vault. Rejects with a {@link SecretReadError} if no response arrives. */
export type CallVault = (call: VaultCall) => Promise<VaultResponse>;

/** The most bytes of a response. Vault stores at most 1 MiB for each secret by default. */
const maxBytes = 2 * 1_024 * 1_024;

/** Returns the function that calls Vault. `fetch` is that of an egress. */
export function createVaultCalls(
  { url, namespace, timeoutMs }: Pick<VaultFields, 'url' | 'namespace' | 'timeoutMs'>,
  fetch: typeof globalThis.fetch,
): CallVault {
  const send = async ({ method, path, token, body }: VaultCall, signal: AbortSignal): Promise<VaultResponse> => {
    const response = await fetch(`${url}/v1/${path}`, {
      method,
      headers: {
        accept: 'application/json',
        // Vault Agent and Vault Proxy may require it, as a protection against forged requests.
        'x-vault-request': 'true',
        ...(namespace !== undefined && { 'x-vault-namespace': namespace }),
        ...(token !== undefined && { 'x-vault-token': token.reveal() }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      redirect: 'manual',
      signal,
    });
    return { status: response.status, body: parseJson(await readBytes(response, maxBytes)) };
  };
  return async (call) => {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      return await send(call, signal).catch((error: unknown) => {
        // The network had dropped the idle connection, which says nothing about Vault.
        if (call.method === 'GET' && isDropped(error)) return send(call, signal);
        throw error;
      });
    } catch (error) {
      if (signal.aborted) throw new SecretReadError(`Vault at ${url} did not respond within ${timeoutMs} ms`);
      throw new SecretReadError(`Vault at ${url} cannot be reached ${describeNetworkFailure(error)}`);
    }
  };
}

function isDropped(error: unknown): boolean {
  return error instanceof Error && codeOfForeignError(error.cause) === connectionDropped;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** Describes a status that says the same for every call. */
export function describeStatus(status: number): string {
  if (status === 503) return 'Vault is sealed or down for maintenance (503)';
  if (status === 429) return 'Vault responded 429, because a rate limit is exceeded; try again later';
  if (status >= 300 && status < 400)
    return `Vault responded ${status}, a redirect; set \`secrets.vault.url\` to the address that serves requests`;
  return `Vault responded ${status}`;
}
