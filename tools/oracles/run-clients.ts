// Calls the simulated vendors with their own client SDKs through a broker. Sends the requests of the SDKs to the parent process.
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { startSdkBroker } from '../../apps/broker/test/support/sdk-broker.ts';
import type { SdkRequest, SdkRequests } from '../../apps/broker/test/support/sdk-requests.ts';
import type { ClientSdk } from './client-sdk.ts';

const maxMs = 10_000;

/** Headers that differ from run to run, from machine to machine, or that belong to the connection. */
const volatile =
  /^(?:host|connection|content-length|transfer-encoding|user-agent|accept-encoding|x-goog-api-client|x-deepgram-session-id|x-stainless-(?:os|arch|runtime|runtime-version)|x-fern-runtime|x-fern-runtime-version)$/;

const { sandbox, vendor, broker, baseUrlOf, close } = await startSdkBroker();
const token = await sandbox.mintUserToken({ sub: 'alice' });
const heads: Pick<IncomingMessage, 'method' | 'url' | 'headers'>[] = [];
broker.broker.app.server.prependListener('request', ({ method, url, headers }: IncomingMessage) => {
  heads.push({ method, url, headers });
});

function fail(connection: string, title: string, why: string): never {
  throw new Error(`${connection}: ${title} ${why}`);
}

async function withinTime<Result>(work: Promise<Result>): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('has no result in time')), maxMs);
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

/** Returns the request that the SDK has sent to the broker, without the token. */
function describeRequest(
  { connection, package: sdk }: Pick<ClientSdk<never>, 'connection' | 'package'>,
  title: string,
): SdkRequest {
  const [head] = heads.splice(0);
  const [call] = vendor.calls.splice(0);
  if (head === undefined || call === undefined) return fail(connection, title, 'reached no vendor');
  if (JSON.stringify(call).includes(token)) fail(connection, title, 'revealed the token of the app to the vendor');
  const headers = Object.entries(head.headers)
    .filter(([name, value]) => typeof value === 'string' && !volatile.test(name))
    .map(([name, value]) => [name, String(value).replace(token, '<token>')]);
  const path = (head.url ?? '').slice(new URL(baseUrlOf(connection)).pathname.length);
  return {
    sdk,
    connection,
    title,
    path,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: call.body,
  };
}

async function prove<Client>(sdk: ClientSdk<Client>): Promise<readonly SdkRequest[]> {
  const { connection, create, calls } = sdk;
  const client = create({ baseUrl: baseUrlOf(connection), token });
  const requests: SdkRequest[] = [];
  for (const { title, run } of calls) {
    const answer = await withinTime(run(client, vendor.hold()));
    if (answer !== 'Hello world') fail(connection, title, `returned ${JSON.stringify(answer)}`);
    requests.push(describeRequest(sdk, title));
  }
  const stranger = create({ baseUrl: baseUrlOf(connection), token: 'no.valid.token' });
  const refusal = await withinTime(calls[0]?.run(stranger, () => undefined) ?? Promise.resolve('')).catch(
    (error: unknown) => error,
  );
  const described = String(refusal) + JSON.stringify(refusal);
  if (!described.includes('401') || !described.includes('token')) {
    fail(connection, 'a call without a valid token', `shows the app ${described}`);
  }
  if (vendor.calls.length > 0) fail(connection, 'a call without a valid token', 'reached the vendor');
  heads.length = 0;
  return requests;
}

const recorded: { sdks: Record<string, string>; requests: SdkRequest[] } = { sdks: {}, requests: [] };
for (const program of process.argv.slice(2)) {
  const { sdk } = (await import(program)) as { readonly sdk: ClientSdk<unknown> };
  const manifest = new URL(`../node_modules/${sdk.package}/package.json`, program);
  recorded.sdks[sdk.package] = (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
  recorded.requests.push(...(await prove(sdk)));
}
await close();
process.send?.(recorded satisfies SdkRequests, () => process.exit());
