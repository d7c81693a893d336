import { hasProofScheme, readAccessToken, type JwtVerifier } from '@valetkey/jwt-verify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ReadCredentials } from './request-rules.ts';

interface DpopOptions {
  readonly verifier: Pick<JwtVerifier, 'dpop' | 'dpopNonce'>;
  /** The origin at which callers reach the broker. */
  readonly publicUrl: string;
}

/**
 * Lets the callers of a listener send their tokens with the scheme `DPoP` and a proof (RFC 9449 section 7.1). Returns the
 * function that reads both. If an issuer requires nonces, each response to such a caller has the current one, so that a caller
 * learns a new nonce before its own one expires.
 */
export function acceptDpop(server: FastifyInstance, { verifier, publicUrl }: DpopOptions): ReadCredentials {
  if (verifier.dpop?.nonceRequired === true) {
    server.addHook('onRequest', async ({ headers }, reply) => {
      if (hasProofScheme(headers.authorization)) reply.header('dpop-nonce', verifier.dpopNonce());
    });
  }
  return (request) => {
    const { scheme, token } = readAccessToken(request.headers.authorization);
    if (scheme === 'Bearer') return { token };
    const { dpop: proof } = request.headers;
    return {
      token,
      dpop: {
        proof: typeof proof === 'string' ? proof : '',
        method: request.method,
        url: publicUrl + readTarget(request),
      },
    };
  };
}

/** Returns the path and query of a request. A proxy may send the whole URL (RFC 9112 section 3.2.2), whose host the caller chooses. */
function readTarget({ raw: { url = '' } }: FastifyRequest): string {
  return url.replace(/^https?:\/\/[^/?]*/i, '');
}
