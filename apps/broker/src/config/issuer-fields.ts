import { KeyObject } from 'node:crypto';
import { issuerSchema } from '@valetkey/core-types';
import { providers, type ProviderName } from '@valetkey/jwt-verify/providers';
import { clientCertificateSchema, type ClientCertificate } from '@valetkey/vendor-clients';
import { z } from 'zod';

type IssuerCheck = z.core.$ZodCheck<z.output<typeof issuerSchema>>;

/** Parses an issuer record. */
const ownIssuerSchema = z
  // A record names no provider. The field is here for `z.discriminatedUnion`.
  .strictObject({ provider: z.undefined().optional(), ...issuerSchema.shape })
  // The checks of fields that depend on each other. zod forgets the type of the value that they check.
  .check(...((issuerSchema.def.checks ?? []) as IssuerCheck[]));

/** The field of every identity provider that decides how it is called. */
const callShape = {
  clientCertificate: clientCertificateSchema
    .optional()
    .describe(
      'The certificate that the broker shows to the identity provider (mutual TLS): `{ certificate, key }`, both in PEM.',
    ),
};

const recordSchema = ownIssuerSchema.safeExtend(callShape);

/** Parses the record of a preset, to which the parsed client certificate was added. */
const presetRecordSchema = ownIssuerSchema.safeExtend({
  clientCertificate: z
    .custom<ClientCertificate>((value) => (value as Partial<ClientCertificate>).key instanceof KeyObject, {
      error: 'must stand beside `provider`, not in `record`',
    })
    .optional(),
});

/** The options of a preset, with its name. */
type PresetInput = {
  [Name in ProviderName]: { provider: Name } & z.input<(typeof providers)[Name]['options']>;
}[ProviderName] & { clientCertificate?: z.input<typeof clientCertificateSchema> | undefined };

type IssuerInput = z.input<typeof recordSchema> | PresetInput;

/** The schema of each preset: its options, its name and {@link callShape}. It returns the issuer record. */
const presetSchemas = Object.entries(providers).map(([name, { options, toRecord }]) =>
  (options as z.ZodObject)
    .safeExtend({ provider: z.literal(name).describe('The name of the preset.'), ...callShape })
    .transform(({ provider: _name, clientCertificate, ...settings }): unknown => ({
      ...(clientCertificate !== undefined && { clientCertificate }),
      ...toRecord(settings as never),
    }))
    .pipe(presetRecordSchema as z.ZodType),
);

const names = Object.keys(providers).join(', ');

/** Parses an identity provider: an issuer record, or a preset by its name, and how the broker calls the provider. */
export const issuerFieldSchema = z
  .discriminatedUnion('provider', [recordSchema, ...presetSchemas] as never, {
    error: ({ code }) => (code === 'invalid_union' ? `is not a known provider; known are ${names}` : undefined),
  })
  .meta({ id: 'Issuer' }) as unknown as z.ZodType<z.output<typeof recordSchema>, IssuerInput>;
