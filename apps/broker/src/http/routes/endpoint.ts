import { assertExposable, ValetKeyError, type EndpointAbility, type EndpointRequest } from '@valetkey/core-types';
import type { TokenCache } from '@valetkey/token-cache';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Identify } from '../../identity/identify.ts';
import type { Connection, Connections } from '../../vendors/connections.ts';
import { issueClientToken } from '../../vendors/issue-token.ts';
import type { Perform } from '../../vendors/perform.ts';
import { createProblemSender, type FailureFormat } from '../errors/problem-sender.ts';
import { inWordsOf } from '../errors/vendor-words.ts';
import { authenticateWith, operationOf, principalOf, type ReadCredentials } from '../request-rules.ts';

interface EndpointRouteDependencies {
  readonly identify: Identify;
  readonly readCredentials: ReadCredentials;
  readonly connections: Connections;
  readonly perform: Perform;
  readonly tokens: TokenCache;
  readonly countError: (error: ValetKeyError) => void;
  /** The format of an error about a connection without an endpoint. */
  readonly problems: FailureFormat;
}

/**
 * Adds `ANY /v1/vendors/{connection}/endpoint`, and every path below it: what the vendor's own client SDK sends to "your backend". It issues the
 * same tokens as `POST /v1/vendors/{connection}/token`, by the same rules, and responds in the vendor's own words.
 */
export function addEndpointRoute(server: FastifyInstance, dependencies: EndpointRouteDependencies): void {
  const { identify, readCredentials, connections, perform, tokens, countError, problems } = dependencies;
  const endpointOf = ({ params }: FastifyRequest): EndpointAbility | undefined =>
    connections.get((params as { connection: string }).connection)?.vendor.endpoint;

  server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // An SDK may send any media type, or none.
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
    scope.setErrorHandler((thrown, request, reply) => {
      const endpoint = endpointOf(request);
      const format = endpoint === undefined ? problems : inWordsOf(endpoint.refuse, problems);
      createProblemSender(countError, format)(thrown, request, reply);
    });
    const route = {
      method: ['GET', 'POST'],
      onRequest: authenticateWith(identify, 'issue', readCredentials),
      handler: async (request: FastifyRequest, reply: FastifyReply) => {
        const { connection: name } = request.params as { connection: string };
        const principal = principalOf(request);
        const operation = operationOf(request, name, readCredentials);
        const { status, contentType, body } = await perform(operation, 'issue', async (connection, recordChange) => {
          const endpoint = checkEndpoint(connection, request.method, reply);
          const parameters = endpoint.readParameters(toEndpointRequest(request));
          const issued = await issueClientToken(connection, principal, parameters, tokens, recordChange);
          assertExposable(issued.result);
          return { ...issued, result: endpoint.respond(issued.result) };
        });
        return reply.status(status).type(contentType).send(Buffer.from(body));
      },
    };
    for (const end of ['', '/*']) scope.route({ ...route, url: `/v1/vendors/:connection/endpoint${end}` });
  });
}

function checkEndpoint({ name, vendor }: Connection, method: string, reply: FastifyReply): EndpointAbility {
  const { id, endpoint } = vendor;
  if (endpoint === undefined) {
    throw new ValetKeyError('operation_not_supported', `${name} has no endpoint for an SDK of its vendor.`, {
      vendor: id,
      remediation: `Request tokens with \`POST /v1/vendors/${name}/token\`.`,
    });
  }
  if (endpoint.methods.includes(method)) return endpoint;
  const accepted = endpoint.methods.join(', ');
  reply.header('allow', accepted);
  throw new ValetKeyError('method_not_allowed', `This endpoint accepts ${accepted}.`);
}

function toEndpointRequest({ url, headers, body }: FastifyRequest): EndpointRequest {
  const start = url.indexOf('?');
  const [mediaType = ''] = (headers['content-type'] ?? '').split(';');
  return {
    query: start < 0 ? '' : url.slice(start),
    mediaType: mediaType.trim().toLowerCase(),
    body: typeof body === 'string' ? body : '',
  };
}
