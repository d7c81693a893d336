import { problemSchema } from '@valetkey/core-types';
import { z } from 'zod';
import { principalSchema } from './routes/admin-input.ts';
import { blockSchema } from './routes/blocked-users.ts';
import { mappingSchema } from './routes/vendor-users.ts';

const query = (name: string, description: string, schema: object = { type: 'string' }) => ({
  name,
  in: 'query',
  description,
  schema,
});
const issuer = query('issuer', 'Only users of this issuer. Required with `subject`.');
const subject = query(
  'subject',
  'Describes this one principal in place of the list, and accepts only `issuer` beside it.',
);
const cursor = query('cursor', 'The `next_cursor` of the page before, with the same filters.');
const limit = query('limit', 'The longest page.', { type: 'integer', minimum: 1, maximum: 1000, default: 100 });
const connection = query('connection', 'Only vendor users of this connection.');

const problem = {
  description: 'An error. `code` identifies the error.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

function read(operationId: string, summary: string, parameters: readonly object[], description: string) {
  const content = { 'application/json': { schema: { type: 'object' } } };
  return { operationId, summary, parameters, responses: { '200': { description, content }, default: problem } };
}

function change(operationId: string, summary: string, body: z.ZodType) {
  const { $schema: _schema, ...schema } = z.toJSONSchema(body);
  return {
    operationId,
    summary,
    requestBody: { required: true, content: { 'application/json': { schema } } },
    responses: { '204': { description: 'The change is stored.' }, default: problem },
  };
}

const pages = 'If there is another page, `next_cursor` is its cursor.';

const operatorToken =
  'One of the admin tokens of the configuration, or the access token of a user who satisfies `admin.operators.require`.';

const paths = {
  '/v1/vendor-users': {
    get: read(
      'listVendorUsers',
      'Lists the stored vendor users, or returns those of one principal',
      [issuer, subject, connection, limit, cursor],
      `\`mappings\` has one entry for each vendor user. ${pages} With \`subject\`, \`vendor_users\` has those of the principal, by connection.`,
    ),
    put: change('setVendorUser', 'Stores the vendor user of a principal', mappingSchema),
    delete: change('removeVendorUser', 'Deletes exactly this vendor user', mappingSchema),
  },
  '/v1/blocked-users': {
    get: read(
      'listBlockedUsers',
      'Lists the blocked principals, or returns whether one principal is blocked',
      [issuer, subject, limit, cursor],
      `\`blocks\` has one entry for each blocked principal. ${pages} With \`subject\`, \`blocked\` is true or false.`,
    ),
    put: {
      ...change('blockUser', 'Blocks a principal, or replaces the reason of its block', blockSchema),
      responses: {
        '200': {
          description:
            'The user is blocked. `revocations` says at which connections the vendor has withdrawn its tokens.',
          content: { 'application/json': { schema: { type: 'object' } } },
        },
        '204': { description: 'The user is blocked. No vendor could withdraw tokens of it.' },
        default: problem,
      },
    },
    delete: change('unblockUser', 'Unblocks a principal', principalSchema),
  },
  '/v1/forgotten-users': {
    put: {
      ...change('forgetUser', 'Erases a principal', principalSchema),
      responses: {
        '200': {
          description: 'The number of erased vendor users and decisions, and whether the principal was blocked.',
          content: { 'application/json': { schema: { type: 'object' } } },
        },
        default: problem,
      },
    },
  },
  '/v1/decisions': {
    get: read(
      'listDecisions',
      'Returns decisions of the audit, newest first',
      [
        query('since', 'Only decisions from this time on, such as `2026-11-28T14:02:00Z`.'),
        query('until', 'Only decisions from before this time.'),
        ...['issuer', 'subject', 'connection', 'vendor_user_id', 'outcome', 'reason', 'request_id', 'operation'].map(
          (name) => query(name, 'Only decisions with exactly this value.'),
        ),
        limit,
        cursor,
      ],
      `\`decisions\` has one page of them. ${pages} A page that would need a long search ends early, even without a decision. With \`Accept: application/x-ndjson\`, the response is the whole selection, one decision in each line.`,
    ),
  },
};

/** Returns the OpenAPI 3.1 description of the routes for operators. It is the same for every configuration. */
export function describeAdminApi() {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Valet Key, for operators',
      version: 'v1',
      description:
        'Lists and changes vendor users and blocked users, forgets users, and returns the audit. The name of the admin token or of the operator is the actor of each change.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ operator: [] }],
    paths,
    components: {
      securitySchemes: {
        operator: { type: 'http', scheme: 'bearer', description: operatorToken },
      },
      schemas: { Problem: z.toJSONSchema(problemSchema) },
    },
  };
}
