import type { DpopSupport } from '@valetkey/jwt-verify';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../server.ts';
import { backChannelLogoutPath } from './backchannel-logout.ts';
import { tokenExchangeGrant } from './exchange-request.ts';
import { tokenExchangePath } from './token-exchange.ts';

/** The metadata from which OAuth clients learn how to use the broker. */
export interface MetadataOptions {
  /** The origin at which callers reach the broker. */
  readonly publicUrl: string;
  /** The identity providers whose tokens are accepted. */
  readonly issuers: readonly string[];
  /** Every scope that at least one connection requires. */
  readonly scopes: readonly string[];
  /** Whether identity providers may send logout tokens. */
  readonly acceptsLogout: boolean;
  /** What the broker accepts of DPoP. Absent: only bearer tokens. */
  readonly dpop?: DpopSupport | undefined;
}

export const resourceMetadataPath = '/.well-known/oauth-protected-resource';

/** Adds the metadata of the broker as an authorization server (RFC 8414) and as a protected resource (RFC 9728). */
export function addMetadataRoutes(server: FastifyInstance, options: MetadataOptions): void {
  const { publicUrl, issuers, scopes, acceptsLogout, dpop } = options;
  const authorizationServer = {
    issuer: publicUrl,
    token_endpoint: `${publicUrl}${tokenExchangePath}`,
    grant_types_supported: [tokenExchangeGrant],
    token_endpoint_auth_methods_supported: ['none'],
    response_types_supported: [],
  };
  const protectedResource = {
    resource: publicUrl,
    authorization_servers: issuers,
    bearer_methods_supported: ['header'],
    ...(scopes.length > 0 && { scopes_supported: scopes }),
    ...(acceptsLogout && { backchannel_logout_uri: publicUrl + backChannelLogoutPath }),
    ...(dpop !== undefined && {
      dpop_signing_alg_values_supported: dpop.algorithms,
      dpop_bound_access_tokens_required: dpop.required,
    }),
    resource_name: 'Valet Key',
  };
  addRoute(server, '/.well-known/oauth-authorization-server', { GET: async () => authorizationServer });
  addRoute(server, resourceMetadataPath, { GET: async () => protectedResource });
}
