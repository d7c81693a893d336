import type { ServerTime } from './server-time.ts';
import { ValetError } from '../errors/valet-error.ts';

/** What a DPoP proof states about its request (RFC 9449 section 4.2). */
export interface DpopRequest {
  /** The claim `htm`. */
  readonly method: string;
  /** The claim `htu`: the URL without query. It is always a URL of the broker. */
  readonly url: string;
  /** The app token. The claim `ath` is its SHA-256, in base64url. */
  readonly accessToken: string;
  /** The claim `nonce`. Undefined if the broker has not sent one. */
  readonly nonce: string | undefined;
  /** The claim `iat`: the broker's time as far as the client knows it, because the clock of a device may be wrong. */
  readonly issuedAtSeconds: number;
}

/** Returns a DPoP proof: a JWT with a new `jti`, signed with the key to which the app token is bound. */
export type CreateDpopProof = (request: DpopRequest) => string | Promise<string>;

/** Creates the credentials of requests to one broker. */
export interface Authorization {
  /** Sets the headers that authenticate one request. Rejects with `app_token_unavailable` if the app's function fails. */
  readonly authorize: (token: string, request: AuthorizedRequest) => Promise<void>;
  /** Reads what a response says about proofs. Returns whether the broker refused the proof, so that a new one may be accepted. */
  readonly learn: (response: Response, elapsedMs: number) => boolean;
}

interface AuthorizedRequest {
  readonly url: string;
  readonly method?: string | undefined;
  readonly headers: Headers;
}

/** Creates the credentials of bearer tokens, or of bound tokens with a function that creates proofs. */
export function createAuthorization(createProof: CreateDpopProof | undefined, serverTime: ServerTime): Authorization {
  let nonce: string | undefined;
  return {
    authorize: async (token, { url, method = 'GET', headers }) => {
      headers.set('authorization', `${createProof ? 'DPoP' : 'Bearer'} ${token}`);
      if (createProof === undefined) return;
      const proof = await requestProof(createProof, {
        // `fetch` sends no method in lower case that a broker accepts.
        method: method.toUpperCase(),
        url: url.replace(/\?.*/s, ''),
        accessToken: token,
        nonce,
        issuedAtSeconds: Math.floor(serverTime.nowMs() / 1000),
      });
      headers.set('dpop', proof);
    },
    learn: ({ headers, status }, elapsedMs) => {
      if (createProof === undefined) return false;
      nonce = headers.get('dpop-nonce') ?? nonce;
      // `use_dpop_nonce` or `invalid_dpop_proof`.
      if (status !== 401 || !/_dpop_/.test(headers.get('www-authenticate') ?? '')) return false;
      const date = headers.get('date') ?? '';
      if (Date.parse(date)) serverTime.measure(date, elapsedMs);
      return true;
    },
  };
}

/** Resolves with a proof of the app's function. */
async function requestProof(createProof: CreateDpopProof, request: DpopRequest): Promise<string> {
  let cause: unknown;
  try {
    const proof = await createProof(request);
    if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(proof)) return proof;
  } catch (thrown) {
    cause = thrown;
  }
  throw new ValetError('app_token_unavailable', '`dpop` threw, or returned no proof.', {
    remediation: 'Call again, and do not sign the user out: correct `dpop`, which must return a JWT.',
    cause,
  });
}
