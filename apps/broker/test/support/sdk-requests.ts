import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

const requestSchema = z.strictObject({
  /** The npm package of the SDK. */
  sdk: z.string(),
  connection: z.string(),
  title: z.string(),
  /** The path below the base URL that the SDK is given. */
  path: z.string(),
  /** The headers of the SDK. `<token>` stands for the app's token. */
  headers: z.record(z.string(), z.string()),
  body: z.string(),
});

/** What published client SDKs send to the broker. `pnpm oracles --write` writes it. */
export const sdkRequestsSchema = z.strictObject({
  /** The version of each SDK, by its npm package. */
  sdks: z.record(z.string(), z.string()),
  requests: z.array(requestSchema).min(1),
});

export type SdkRequest = z.output<typeof requestSchema>;
export type SdkRequests = z.output<typeof sdkRequestsSchema>;

export const sdkRequestsFile = new URL('sdk-requests.json', import.meta.url);

/** Reads what the client SDKs send. */
export function readSdkRequests(): SdkRequests {
  if (!existsSync(sdkRequestsFile)) throw new Error('sdk-requests.json is missing. Run `pnpm oracles --write`.');
  return sdkRequestsSchema.parse(JSON.parse(readFileSync(sdkRequestsFile, 'utf8')));
}
