import { Secret, type EndpointAbility, type EndpointRequest } from '@valetkey/core-types';
import type { RecipeEndpoint } from './recipe-schema.ts';
import { compileExpression, compileValue, type Values, type ValueTemplate } from './template.ts';

/** Compiles the endpoint that the vendor's own client SDK calls. */
export function compileEndpoint({ methods, parameters, respond, refuse }: RecipeEndpoint): EndpointAbility {
  const fields = Object.entries(parameters).map(([name, path]) => {
    const read = compileExpression({ path: ['request', ...path.split('.')], filters: [] });
    return [name, (request: Values) => read({ request })] as const;
  });
  const bodyOf = compileValue(respond.body as ValueTemplate);

  return {
    methods,
    readParameters(request) {
      const values = readFields(request);
      const read = fields.map(([name, valueOf]) => [name, valueOf(values)] as const);
      return Object.fromEntries(read.filter(([, value]) => value !== undefined && value !== ''));
    },
    respond({ fields: tokenFields, expiresInSeconds }) {
      const token = Object.fromEntries(
        Object.entries(tokenFields).map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]),
      );
      const body = write(bodyOf({ token, expires_in: expiresInSeconds }));
      return { status: respond.status, contentType: respond.type, body };
    },
    refuse: compileRefusal(refuse),
  };
}

/** Compiles the body of an error in the vendor's words. */
export function compileRefusal(refuse: RecipeEndpoint['refuse']): EndpointAbility['refuse'] {
  const refusalOf = compileValue(refuse as ValueTemplate);
  return (error) => ({
    status: error.status,
    contentType: 'application/json',
    body: JSON.stringify(refusalOf({ error })),
  });
}

/** A text is sent as it is: some SDKs expect the token alone, or an object that the recipe has signed as a text. */
function write(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}

/** Reads the fields of a request: JSON, a form, or the query. What cannot be read has no fields. */
function readFields({ query, mediaType, body }: EndpointRequest): Values {
  if (mediaType === 'application/x-www-form-urlencoded') return Object.fromEntries(new URLSearchParams(body));
  if (body === '') return Object.fromEntries(new URLSearchParams(query));
  try {
    const json: unknown = JSON.parse(body);
    return typeof json === 'object' && json !== null ? (json as Values) : {};
  } catch {
    return {};
  }
}
