import { z } from 'zod';
import { recipeSchema } from './recipe-schema.ts';
import { template, value } from './schema-words.ts';

const headerName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,63}$/, { error: 'must be lower-case words joined by hyphens' })
  .describe('The name of a header, in lower case.');
const optionOf = (what: string) =>
  z.string().regex(/^\{options\.[a-z][A-Za-z0-9]{0,39}\}$/, {
    error: `must be ${what}, or an option such as {options.models}`,
  });
const pointer = z.string().regex(/^(?:\/(?:[^/~]|~[01])+)+$/u, {
  error: 'must be a JSON pointer (RFC 6901), such as /generationConfig/maxOutputTokens',
});

const ruleShape = {
  in: z
    .union([z.array(z.union([z.string(), z.number(), z.boolean()])).min(1), optionOf('a list of values')])
    .optional()
    .describe('The values that are allowed: a list, or an option of the type `list`.'),
  max: z
    .union([z.int().min(0), optionOf('a number')])
    .optional()
    .describe('The largest whole number that is allowed: a number, or an option. Without the option, every number is.'),
  maxLength: z
    .union([z.int().min(1), optionOf('a number')])
    .optional()
    .describe(
      'The most characters of a text: a number, or an option. Without the option, a text of any length is allowed.',
    ),
  never: z.literal(true).optional().describe('The field is refused.'),
  optional: z.literal(true).optional().describe('Whether the field may be absent.'),
};
const memberRuleSchema = z.strictObject(ruleShape);
const bodyRuleSchema = z.strictObject({
  ...ruleShape,
  each: z
    .strictObject({
      only: z.array(z.string().min(1)).min(1).optional().describe('The only fields that a member may have.'),
      fields: z.record(pointer, memberRuleSchema).default({}).describe('Rules for the fields of each member.'),
    })
    .optional()
    .describe('The field is a list of objects, and each of them is bound.'),
});

const callSchema = z.strictObject({
  method: z.enum(['GET', 'POST']).describe('The HTTP method.'),
  paths: z
    .array(z.string().regex(/^\//, { error: 'must begin with a slash' }))
    .min(1)
    .describe(
      'The paths at the vendor: `*` stands for one segment, `{name}` for one value inside a segment, and `{options.models}` for each value that the operator lists in this option.',
    ),
  query: z
    .record(z.string().regex(/^[A-Za-z0-9._-]{1,60}$/), memberRuleSchema.pick({ in: true, optional: true }))
    .default({})
    .describe('The parameters of the query whose values are bound. Any other parameter is refused.'),
  freeQuery: z
    .array(z.string().regex(/^[A-Za-z0-9._-]{1,60}$/))
    .default([])
    .describe('The parameters of the query that may have any value.'),
  body: z
    .record(pointer, bodyRuleSchema)
    .optional()
    .describe(
      'What fields of the body may be, by their JSON pointers. The body must then be JSON of at most 1 MiB. Absent: any body.',
    ),
});

const proxySchema = z.strictObject({
  carriers: z
    .array(
      z.strictObject({
        header: headerName,
        scheme: z.enum(['Bearer', 'Token']).optional().describe('The scheme before the key. Absent: the key alone.'),
      }),
    )
    .min(1)
    .max(2)
    .describe(
      'Where the vendor’s SDK sends its key. A request carries the app’s token there, in one of these headers. The vendor never receives it.',
    ),
  inject: z
    .record(headerName, template)
    .describe('The headers with the credential for the vendor. They read `secrets` and nothing else.'),
  headers: z
    .array(headerName)
    .default([])
    .describe('Further headers of the caller that the vendor receives. Credentials and cookies are refused.'),
  calls: z.array(callSchema).min(1).describe('The calls that are forwarded. Every other call is refused.'),
  refuse: value
    .describe(
      'The body of an error, in the vendor’s words. It reads `{error.code}`, `{error.detail}` and `{error.status}`.',
    )
    .default({ error: { message: '{error.detail}', type: '{error.code}', code: '{error.code}' } }),
});

/** The schema of a recipe that forwards calls instead of issuing tokens. Every object is strict. */
export const proxyRecipeSchema = recipeSchema
  .pick({
    $schema: true,
    id: true,
    title: true,
    secrets: true,
    options: true,
    errors: true,
    errorFields: true,
    verify: true,
    docs: true,
  })
  .extend({
    baseUrl: template.describe('The URL below which calls are forwarded. An operator may set another one.'),
    proxy: proxySchema.describe('How an unmodified client SDK of the vendor calls it through the broker.'),
  });

/** A recipe that forwards calls, as it is written. */
export type ProxyRecipeInput = z.input<typeof proxyRecipeSchema>;
/** A recipe that forwards calls, with its defaults. */
export type ProxyRecipe = z.output<typeof proxyRecipeSchema>;
export type ProxyCall = z.output<typeof callSchema>;
export type FieldRule = z.output<typeof memberRuleSchema>;
export type BodyRule = z.output<typeof bodyRuleSchema>;
