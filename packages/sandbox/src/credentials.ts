import { sandboxMarker } from '@valetkey/core-types';

/** The credentials that the sandbox takes. Each carries the sandbox marker, so that nothing real ever accepts one. */
export const sandboxCredentials = {
  nabla: { serverKey: `server_${sandboxMarker}-nabla-server-key` },
  nudge: { apiKey: `${sandboxMarker}-nudge-private-api-key` },
  nymbl: {
    clientId: `${sandboxMarker}-nymbl-client`,
    clientSecret: `${sandboxMarker}-nymbl-client-secret`,
    apiKey: `${sandboxMarker}-nymbl-api-key`,
    customer: 'acme-corp',
  },
  authgear: { clientId: `${sandboxMarker}-authgear-client` },
  vital: { apiKey: `sk_us_${sandboxMarker}-vital-api-key` },
} as const;
