import { codeOfForeignError, Secret } from '@valetkey/core-types';
import { z } from 'zod';
import { createAwsRequestHandler, EgressFailure } from './aws-request-handler.ts';
import {
  onceForEach,
  SecretNameError,
  SecretReadError,
  textOfField,
  type SecretManager,
  type SecretReading,
} from './secret-manager.ts';
import type { AwsSecretsManagerFields } from './secrets-fields.ts';

const packageName = '@aws-sdk/client-secrets-manager';

/** The part of `@aws-sdk/client-secrets-manager` that is used. Its own types would be needed by every importer of this package. */
export interface AwsModule {
  readonly SecretsManagerClient: new (options: object) => {
    readonly send: (command: never, options: { readonly abortSignal: AbortSignal }) => Promise<unknown>;
    readonly destroy: () => void;
  };
  readonly GetSecretValueCommand: new (input: { readonly SecretId: string }) => unknown;
}

/** What {@link openAwsSecretsManager} works with. */
export interface AwsDependencies {
  readonly fetch: typeof globalThis.fetch;
  /** Loads the client of AWS. Default: from the installed package. */
  readonly importClient?: (() => Promise<AwsModule>) | undefined;
}

const secretValueSchema = z.object({
  SecretString: z.string().optional(),
  VersionId: z.string().optional(),
  CreatedDate: z.date().optional(),
});

type SecretValue = z.output<typeof secretValueSchema>;

/** A name or an ARN, and a field. Without a field, the whole text is the value. */
const namePattern = /^([\w/+=.@:-]{1,2048})(?:#([^#]+))?$/;

/** Opens AWS Secrets Manager. Its client is loaded, and finds the credentials of AWS, when a value is first read. */
export function openAwsSecretsManager(fields: AwsSecretsManagerFields, dependencies: AwsDependencies): SecretManager {
  const { importClient = importInstalled } = dependencies;
  const { timeoutMs } = fields;
  let opening: ReturnType<typeof openClient> | undefined;

  const readValue = async (id: string): Promise<SecretValue> => {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const { client, GetSecretValueCommand } = await (opening ??= openClient(fields, importClient, dependencies));
      const command = new GetSecretValueCommand({ SecretId: id }) as never;
      // The race ends the reading in time even while the client looks for credentials, which heeds no signal.
      const value = await Promise.race([client.send(command, { abortSignal: signal }), rejectOnAbort(signal)]);
      return secretValueSchema.parse(value);
    } catch (error) {
      if (error instanceof SecretReadError) throw error;
      if (signal.aborted) throw new SecretReadError(`AWS Secrets Manager did not respond within ${timeoutMs} ms`);
      throw new SecretReadError(describeFailure(error));
    }
  };

  return {
    beginReading() {
      const readOnce = onceForEach(readValue);
      return async (name) => {
        const [, id, field] = namePattern.exec(name) ?? [];
        if (id === undefined) throw new SecretNameError(wrongName);
        return toReading(await readOnce(id), field);
      };
    },
    async close() {
      const opened = await opening?.catch(() => undefined);
      opened?.client.destroy();
    },
  };
}

const wrongName =
  'has a reference to AWS Secrets Manager that is not the name or the ARN of a secret and a field of its JSON, such as `${aws-sm:prod/nudge#apiKey}`';

async function openClient(
  { region, endpoint }: AwsSecretsManagerFields,
  importClient: NonNullable<AwsDependencies['importClient']>,
  { fetch }: AwsDependencies,
) {
  const { SecretsManagerClient, GetSecretValueCommand } = await importClient().catch((error: unknown) => {
    if (codeOfForeignError(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new SecretReadError(`the package \`${packageName}\` is not installed; run \`npm install ${packageName}\``);
  });
  const client = new SecretsManagerClient({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    requestHandler: createAwsRequestHandler(fetch),
  });
  return { client, GetSecretValueCommand };
}

async function importInstalled(): Promise<AwsModule> {
  return (await import('@aws-sdk/client-secrets-manager')) as unknown as AwsModule;
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(new Error('The time is over.')), { once: true });
  return promise;
}

function toReading({ SecretString: text, VersionId: version, CreatedDate: created }: SecretValue, field?: string) {
  if (text === undefined) throw new SecretReadError('the secret is binary; store it as text');
  const fields = field === undefined ? { whole: text } : parseFields(text);
  const secret = new Secret(textOfField(fields, field ?? 'whole'));
  return { secret, version, createdAtMs: created?.getTime() } satisfies SecretReading;
}

function parseFields(text: string): Readonly<Record<string, unknown>> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch {
    throw new SecretReadError('the secret is no JSON object; leave out the `#` and the field to use the whole text');
  }
}

/** The errors of AWS that an operator can act on, by their names. */
const reasons: Readonly<Record<string, string>> = {
  ResourceNotFoundException: 'AWS Secrets Manager has no such secret; check its name and the region',
  AccessDeniedException:
    'AWS refuses to show it; allow the role of the broker `secretsmanager:GetSecretValue` for this secret',
  DecryptionFailure: 'AWS cannot decrypt it; allow the role of the broker `kms:Decrypt` with the key of this secret',
  InvalidRequestException: 'AWS refuses to show it, because it is marked for deletion or has no value yet',
  ThrottlingException: 'AWS allows no more calls for the moment; try again later',
  CredentialsProviderError:
    'no credentials of AWS were found; give the broker a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  UnrecognizedClientException: 'AWS does not know the credentials of the broker; check them, and the region',
  InvalidSignatureException: 'AWS refuses the signature; check AWS_SECRET_ACCESS_KEY and the clock of this machine',
  ExpiredTokenException: 'the credentials of AWS have expired; renew them',
};

/** Describes an error of the client of AWS. Its message is never shown, because it may quote anything. */
function describeFailure(error: unknown): string {
  if (error instanceof EgressFailure) return `AWS Secrets Manager cannot be reached ${error.message}`;
  const { name, message, $metadata: metadata } = (error ?? {}) as Record<string, unknown>;
  const reason = typeof name === 'string' && Object.hasOwn(reasons, name) ? reasons[name] : undefined;
  if (reason !== undefined) return reason;
  if (message === 'Region is missing') return 'no region is set; set `secrets.awsSecretsManager.region`';
  const { httpStatusCode: status } = (metadata ?? {}) as { readonly httpStatusCode?: unknown };
  if (typeof status === 'number') return `AWS Secrets Manager responded ${status}`;
  return `the client of AWS failed (${codeOfForeignError(error) ?? 'unknown error'})`;
}
