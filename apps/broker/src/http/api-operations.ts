export interface Response {
  readonly description: string;
  readonly headers?: object;
  readonly content?: object;
}

/** One method of one path, as OpenAPI describes it. */
export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly object[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, Response>>;
  readonly security?: readonly object[];
}

export type PathItem = Readonly<Record<string, Operation>>;

const reference = (name: string) => ({ schema: { $ref: `#/components/schemas/${name}` } });
export const text = { schema: { type: 'string' } };
export const json = (name: string) => ({ 'application/json': reference(name) });
export const response = (description: string, content?: object): Response => ({
  description,
  ...(content && { content }),
});

export const problem: Response = {
  description:
    'An error. `code` identifies the error. With 429 and 503, `Retry-After` is the number of seconds to wait.',
  headers: { 'Retry-After': { description: 'Seconds to wait before a retry.', schema: { type: 'integer' } } },
  content: { 'application/problem+json': reference('Problem') },
};
export const noSecurity: readonly object[] = [];

/** Returns a path with the methods GET and HEAD. The response to HEAD has no content. */
export function readable(operation: Operation): PathItem {
  const { operationId, responses } = operation;
  const responsesToHead = Object.entries(responses).map(([status, { description, headers }]) => [
    status,
    { description, ...(headers && { headers }) },
  ]);
  return {
    get: operation,
    head: { ...operation, operationId: `${operationId}Head`, responses: Object.fromEntries(responsesToHead) },
  };
}

/** Returns a path that responds with a document to GET, without a token. */
export function page(operationId: string, summary: string, content: object): PathItem {
  return {
    get: {
      operationId,
      summary,
      responses: { '200': response('The document.', content), default: problem },
      security: noSecurity,
    },
  };
}

/** Describes an operation whose responses say a status. It needs no token. */
export function state(operationId: string, summary: string, statuses: Readonly<Record<string, string>>): Operation {
  const content = { 'application/json': { schema: { type: 'object' } } };
  const responses = Object.entries(statuses).map(([status, word]) => [
    status,
    response(`The status is \`${word}\`.`, content),
  ]);
  return { operationId, summary, responses: Object.fromEntries(responses), security: noSecurity };
}
