import { secretSchema } from '@valetkey/core-types';
import { egressSchema } from '@valetkey/vendor-clients';
import { baseUrlSchema } from '@valetkey/vendor-clients/kit';
import { z } from 'zod';

const timeoutMsSchema = z.int().min(100).max(60_000).default(5_000);

/** A path below `/v1/auth`. A method may be enabled below another path than its own name. */
const mountSchema = z.string().regex(/^[\w-][\w.-]*(?:\/[\w-][\w.-]*)*$/, {
  error: 'must be the path of an auth method without `auth/`, such as `approle` or `team/approle`',
});

const nameSchema = z.string().trim().min(1);

const authSchema = z.union([
  z.strictObject({
    token: secretSchema.describe('A token of Vault. The broker renews it if Vault allows that.'),
  }),
  z.strictObject({
    appRole: z
      .strictObject({
        roleId: nameSchema.describe('The role ID of the AppRole.'),
        secretId: secretSchema.describe(
          'The secret ID of the AppRole. It must be usable more than once if the login has a maximum lifetime.',
        ),
        mount: mountSchema.default('approle').describe('The path at which the auth method is enabled.'),
      })
      .describe('The broker logs in as this AppRole.'),
  }),
  z.strictObject({
    kubernetes: z
      .strictObject({
        role: nameSchema.describe('The role of the Kubernetes auth method.'),
        tokenFile: z
          .string()
          .min(1)
          .default('/var/run/secrets/kubernetes.io/serviceaccount/token')
          .describe('The file with the token of the service account, which the broker reads again for each login.'),
        mount: mountSchema.default('kubernetes').describe('The path at which the auth method is enabled.'),
      })
      .describe('The broker logs in with the service account of its Kubernetes pod.'),
  }),
]);

const vaultSchema = z.strictObject({
  url: baseUrlSchema.describe('The origin of Vault, such as `https://vault.example.com:8200`.'),
  auth: authSchema.describe(
    'How the broker logs in: with a token, as an AppRole, or with the service account of its Kubernetes pod.',
  ),
  namespace: z
    .string()
    .regex(/^[\w-][\w.-]*(?:\/[\w-][\w.-]*)*\/?$/, { error: 'must be the path of a namespace, such as `team/broker`' })
    .optional()
    .describe('The namespace of Vault Enterprise or HCP Vault. Absent: the root namespace.'),
  ca: egressSchema.shape.ca.describe(
    'Certificates of the private certificate authorities that issued the certificate of Vault, in PEM. They are trusted besides those of `egress.ca`, and for Vault alone.',
  ),
  timeoutMs: timeoutMsSchema.describe('The longest time, in milliseconds, that one call to Vault may take.'),
});

const awsSecretsManagerSchema = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z]{2,}(?:-[a-z]+)+-\d+$/, { error: 'must be a region such as `eu-west-1`' })
    .optional()
    .describe('The region of the secrets. Absent: AWS_REGION of the environment, or the configuration of the AWS CLI.'),
  endpoint: baseUrlSchema
    .optional()
    .describe('The URL of Secrets Manager, such as that of a VPC endpoint. Absent: the public one of the region.'),
  timeoutMs: timeoutMsSchema.describe(
    'The longest time, in milliseconds, to read one secret, including repetitions and finding the credentials of AWS.',
  ),
});

/** Parses the section `secrets`: the secret managers that references name. */
export const secretsSchema = z.strictObject({
  refreshSeconds: z
    .int()
    .min(5)
    .max(86_400)
    .default(300)
    .describe('How often a running broker reads the values of secret managers again, in seconds.'),
  vault: vaultSchema.optional().describe('The Vault whose secrets `${vault:path#field}` names.'),
  awsSecretsManager: awsSecretsManagerSchema
    .optional()
    .describe(
      'The AWS Secrets Manager whose secrets `${aws-sm:name#field}` names. Needs the package `@aws-sdk/client-secrets-manager`.',
    ),
});

/** The section `secrets`. */
export type SecretsFields = z.output<typeof secretsSchema>;

export type VaultFields = z.output<typeof vaultSchema>;
export type VaultAuth = VaultFields['auth'];
export type AwsSecretsManagerFields = z.output<typeof awsSecretsManagerSchema>;
