import { DemoFailure } from './device.ts';
import { shorten, type Addresses, type Step } from './steps.ts';

/** A token that an app requests of a vendor of the catalog. */
interface Mint {
  readonly vendor: string;
  readonly connection: string;
  /** How the broker makes the token. */
  readonly kind: string;
  /** The field of the response that the vendor's SDK needs. */
  readonly field: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

const mints: readonly Mint[] = [
  {
    vendor: 'LiveKit',
    connection: 'livekit',
    kind: 'JWT, HS256',
    field: 'participant_token',
    parameters: { room: 'lobby' },
  },
  { vendor: 'Firebase', connection: 'firebase', kind: 'JWT, RS256', field: 'custom_token' },
  { vendor: 'Supabase', connection: 'supabase-es256', kind: 'JWT, ES256', field: 'access_token' },
  { vendor: 'Twilio', connection: 'twilio-voice', kind: 'JWT, HS256', field: 'token' },
  {
    vendor: 'Pusher',
    connection: 'pusher-presence',
    kind: 'HMAC',
    field: 'auth',
    parameters: { socket_id: '1234.5678', channel_name: 'presence-lobby' },
  },
  { vendor: 'Ably', connection: 'ably', kind: 'HMAC', field: 'token_request' },
  { vendor: 'Algolia', connection: 'algolia', kind: 'HMAC', field: 'api_key' },
  { vendor: 'OpenAI', connection: 'openai-realtime', kind: 'one call', field: 'value' },
  { vendor: 'Deepgram', connection: 'deepgram', kind: 'one call', field: 'access_token' },
  { vendor: 'ElevenLabs', connection: 'elevenlabs-signed-url', kind: 'one call', field: 'signed_url' },
  { vendor: 'Plaid', connection: 'plaid-link', kind: 'one call', field: 'link_token' },
  { vendor: 'Stripe Terminal', connection: 'stripe-terminal', kind: 'a form', field: 'secret' },
  {
    vendor: 'Stripe',
    connection: 'stripe-customer-session',
    kind: 'customer, then form',
    field: 'client_secret',
  },
];

/** Returns one step for each vendor of the catalog that the demo shows. Each sends the app token to the broker over HTTP. */
export function listCatalogSteps({ brokerUrl }: Addresses, appToken: string): readonly Step[] {
  return mints.map(({ vendor, connection, kind, field, parameters = {} }) => ({
    vendor,
    name: kind,
    run: async () => {
      const response = await fetch(`${brokerUrl}/v1/vendors/${connection}/token`, {
        method: 'POST',
        headers: { authorization: `Bearer ${appToken}`, 'content-type': 'application/json' },
        body: JSON.stringify(parameters),
      });
      if (!response.ok) throw new DemoFailure(`The broker responded ${response.status}.`);
      const token = ((await response.json()) as Readonly<Record<string, unknown>>)[field];
      if (typeof token !== 'string') throw new DemoFailure(`The response has no ${field}.`);
      return `${field} ${shorten(token)}`;
    },
  }));
}
