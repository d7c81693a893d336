import { ValetKeyError } from '@valetkey/core-types';
import type { FastifyInstance } from 'fastify';

/** Accepts a body without bytes whatever its media type, and refuses every other body whose media type has no parser. */
export function addEmptyBodyParser(server: FastifyInstance): void {
  server.addContentTypeParser('*', (_request, payload, done) => {
    payload.once('error', () => done(new ValetKeyError('invalid_request', 'The body broke off.')));
    payload.once('end', () => done(null, undefined));
    payload.once('data', () => {
      payload.removeAllListeners('end').pause();
      done(new ValetKeyError('unsupported_media_type', 'This route does not accept the media type of the body.'));
    });
  });
}
