import { createSandbox } from '@valetkey/sandbox';
import { createConfigFor, startRecordingBroker } from './recording-broker.ts';
import { startSdkVendor } from './sdk-vendor.ts';

/** The key of the broker at every simulated vendor. */
export const vendorKey = 'canary-vendor-key-7c41';

/** Starts a broker over a simulated vendor, with a connection for each recipe that forwards calls. */
export async function startSdkBroker() {
  const sandbox = await createSandbox();
  const vendor = await startSdkVendor();
  const config = createConfigFor(sandbox);
  const models = ['sample-model', 'sample-voice'];
  const given = { apiKey: vendorKey, models, baseUrl: vendor.url };
  const broker = await startRecordingBroker({
    ...config,
    vendors: {
      ...config.vendors,
      'anthropic-proxy': { ...given, maxTokens: 1_000 },
      'deepgram-proxy': { ...given, maxRequestBytes: 4_000_000 },
      'elevenlabs-proxy': { ...given, voices: ['sample-voice'], maxCharacters: 1_000 },
      'gemini-proxy': { ...given, maxOutputTokens: 1_000 },
      'openai-proxy': { ...given, maxOutputTokens: 1_000 },
      rotating: { ...given, vendor: 'openai-proxy', apiKey: { current: 'canary-old-key-19f2', next: vendorKey } },
      closed: { ...given, vendor: 'openai-proxy', requiredScopes: ['models'] },
    },
  });
  return {
    sandbox,
    vendor,
    broker,
    /** Where an SDK finds a vendor. */
    baseUrlOf: (connection: string) => `${broker.brokerUrl}/v1/vendors/${connection}/proxy`,
    async close(): Promise<void> {
      await broker.broker.close();
      await vendor.close();
      await sandbox.close();
    },
  };
}

export type SdkBroker = Awaited<ReturnType<typeof startSdkBroker>>;
