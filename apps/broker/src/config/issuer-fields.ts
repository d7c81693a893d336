import { issuerSchema } from '@valetkey/core-types';
import { providers, type ProviderName } from '@valetkey/jwt-verify/providers';
import { z } from 'zod';

const { dpop: _unavailable, ...bearerIssuerShape } = issuerSchema.shape;
type IssuerCheck = z.core.$ZodCheck<z.output<typeof issuerSchema>>;

/** Parses an issuer record without the option `dpop`, because the broker accepts only bearer tokens. */
const bearerIssuerSchema = z
  // A record names no provider. The field is here for `z.discriminatedUnion`.
  .strictObject({ provider: z.undefined().optional(), ...bearerIssuerShape })
  // The checks of fields that depend on each other. zod forgets the type of the value that they check.
  .check(...((issuerSchema.def.checks ?? []) as IssuerCheck[]));

type BearerIssuer = z.output<typeof bearerIssuerSchema>;

/** The options of a preset, with its name. */
type PresetInput = {
  [Name in ProviderName]: { provider: Name } & z.input<(typeof providers)[Name]['options']>;
}[ProviderName];

type IssuerInput = z.input<typeof bearerIssuerSchema> | PresetInput;

/** The schema of each preset: its options and its name. It returns the issuer record. */
const presetSchemas = Object.entries(providers).map(([name, { options, toRecord }]) =>
  (options as z.ZodObject)
    .safeExtend({ provider: z.literal(name).describe('The name of the preset.') })
    .transform(({ provider: _name, ...settings }) => toRecord(settings as never))
    .pipe(bearerIssuerSchema),
);

const names = Object.keys(providers).join(', ');

/** Parses an identity provider: an issuer record, or a preset by its name. */
export const issuerFieldSchema = z.discriminatedUnion('provider', [bearerIssuerSchema, ...presetSchemas] as never, {
  error: ({ code }) => (code === 'invalid_union' ? `is not a known provider; known are ${names}` : undefined),
}) as unknown as z.ZodType<BearerIssuer, IssuerInput>;
