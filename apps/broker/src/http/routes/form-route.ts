import type { ValetKeyError } from '@valetkey/core-types';
import type { FastifyInstance, RouteHandlerMethod } from 'fastify';
import { oauthErrorFormat } from '../errors/oauth-error.ts';
import { createProblemSender } from '../errors/problem-sender.ts';
import { addEmptyBodyParser } from '../body-parsers.ts';
import { addRoute } from '../server.ts';

/** Adds a route that accepts a form, as text, with `POST`, and that reports errors as OAuth does. */
export function addFormRoute(
  server: FastifyInstance,
  path: string,
  handler: RouteHandlerMethod,
  countError: (error: ValetKeyError) => void,
): void {
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
      done(null, body),
    );
    addEmptyBodyParser(scope);
    scope.setErrorHandler(createProblemSender(countError, oauthErrorFormat));
    addRoute(scope, path, { POST: handler });
  });
}
