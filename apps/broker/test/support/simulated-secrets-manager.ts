import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** The moment at which each version of a secret was created, in seconds since 1970. */
export const createdSeconds = 1_763_600_000.25;

/** The credentials that the simulation accepts, as variables of an environment. */
export const awsCredentials = {
  AWS_ACCESS_KEY_ID: 'AKIASIMULATED',
  AWS_SECRET_ACCESS_KEY: 'sim-aws-secret-key-5d21',
  // The client looks nowhere else for credentials or settings.
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
};

/** Starts a server that behaves as the API of AWS Secrets Manager documents `GetSecretValue` (AWS JSON 1.1). */
export async function createSimulatedSecretsManager() {
  const secrets = new Map<string, { readonly value: object; readonly version: number }>();
  const state = { error: undefined as readonly [status: number, type: string] | 'hang' | undefined };
  const requests: string[] = [];

  function respond(headers: IncomingMessage['headers'], id: string): readonly [number, object] {
    if (!headers.authorization?.startsWith(`AWS4-HMAC-SHA256 Credential=${awsCredentials.AWS_ACCESS_KEY_ID}/`))
      return [400, errorOf('UnrecognizedClientException')];
    if (headers['x-amz-target'] !== 'secretsmanager.GetSecretValue') return [400, errorOf('UnknownOperationException')];
    const secret = secrets.get(id);
    if (secret === undefined) return [400, errorOf('ResourceNotFoundException')];
    const version = `7e57-${secret.version}`;
    return [
      200,
      {
        ARN: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${id}-AbCdEf`,
        Name: id,
        CreatedDate: createdSeconds,
        VersionId: version,
        VersionStages: ['AWSCURRENT'],
        ...secret.value,
      },
    ];
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { SecretId: id } = JSON.parse(await text(request)) as { SecretId: string };
    requests.push(id);
    if (state.error === 'hang') return;
    const [status, sent] =
      state.error === undefined ? respond(request.headers, id) : [state.error[0], errorOf(state.error[1])];
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(sent));
  }

  const server = createServer((request, response) => void handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** The fault that each response has. */
    state,
    /** The ids of the secrets that were requested. */
    requests,
    /** Stores the next version of a secret. An object becomes JSON. */
    put(id: string, value: string | object): void {
      const SecretString = typeof value === 'string' ? value : JSON.stringify(value);
      secrets.set(id, { value: { SecretString }, version: (secrets.get(id)?.version ?? 0) + 1 });
    },
    putBinary(id: string): void {
      secrets.set(id, { value: { SecretBinary: 'Y2FuYXJ5' }, version: 1 });
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function errorOf(type: string): object {
  return { __type: type, Message: 'canary-of-aws' };
}
