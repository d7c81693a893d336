import { ValetKeyError, type TokenCarrier } from '@valetkey/core-types';
import type { FastifyRequest } from 'fastify';
import type { Connections } from '../vendors/connections.ts';
import type { ReadCredentials } from './request-rules.ts';

/**
 * Returns the function that reads the caller's token of a proxied call. For some vendors, it is where the vendor's own client
 * SDK sends its key, and nowhere else: such an SDK can send no proof, so the scheme `DPoP` is not accepted there.
 */
export function readFromCarriers(connections: Connections, readCredentials: ReadCredentials): ReadCredentials {
  return (request) => {
    const { connection } = request.params as { connection: string };
    const carriers = connections.get(connection)?.vendor.proxy?.carriers;
    if (carriers === undefined) return readCredentials(request);
    request.acceptsDpop = false;
    return { token: readCarriedToken(request, carriers) };
  };
}

function readCarriedToken({ headers }: FastifyRequest, carriers: readonly TokenCarrier[]): string {
  const names = new Set(['authorization', ...carriers.map(({ header }) => header)]);
  const sent = [...names].filter((name) => headers[name] !== undefined);
  const described = carriers.map(describe).join(' or ');
  const remediation = `Give the vendor's SDK the token of the app's user as its key: the request then has \`${described}\`.`;
  if (sent.length > 1) {
    const detail = `The request has more than one credential: ${sent.join(' and ')}.`;
    throw new ValetKeyError('invalid_request', detail, { remediation });
  }
  for (const { header, scheme } of carriers) {
    const value = headers[header];
    const [, given, token] = credentials.exec(typeof value === 'string' ? value : '') ?? [];
    if (token !== undefined && given?.toLowerCase() === scheme?.toLowerCase()) return token;
  }
  throw new ValetKeyError('missing_token', 'The request carries no token where the SDK of this vendor sends its key.', {
    remediation,
  });
}

const credentials = /^[ \t]*(?:([A-Za-z]+) +)?([\w.~+/-]+=*)[ \t]*$/;

function describe({ header, scheme }: TokenCarrier): string {
  return `${header}: ${scheme === undefined ? '' : `${scheme} `}<token>`;
}
