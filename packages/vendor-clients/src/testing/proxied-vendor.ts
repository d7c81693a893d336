// The example of the README's section "Expose calls through the proxy".
import {
  baseUrlSchema,
  defineVendor,
  forwardCall,
  forwardOptions,
  requestClientCredentialsToken,
  secretCredential,
  toProxyResponse,
  z,
  type CallOptions,
  type ProxyRequest,
  type ServerToken,
} from '../kit/index.ts';

export const acme = defineVendor({
  id: 'acme',
  title: 'Acme',
  credentials: { clientSecret: secretCredential('The secret of the OAuth client.') },
  options: {
    clientId: z.string().min(1).describe('The id of the OAuth client.'),
    baseUrl: baseUrlSchema.default('https://api.acme.example').describe("The base URL of Acme's API."),
    ...forwardOptions,
  },
  connect({ options, credentials: { clientSecret }, openDoor }) {
    const door = openDoor(options.baseUrl);
    async function requestToken(callOptions?: CallOptions) {
      const operation = door.begin(callOptions);
      return clientSecret.use((secret) =>
        requestClientCredentialsToken(operation, {
          path: '/oauth2/token',
          authenticate: () => ({ client_id: options.clientId, client_secret: secret.reveal() }),
          advice: 'Check `clientId` and `clientSecret`.',
        }),
      );
    }
    return {
      requestToken,
      async forward(request: ProxyRequest, token: ServerToken) {
        const operation = door.begin({ signal: request.signal });
        const credentials = { authorization: `Bearer ${token.secret.reveal()}` };
        const response = await forwardCall(operation, request, credentials, options);
        if (response.status !== 401) return toProxyResponse(response, options);
        response.discard();
        return 'token_refused' as const;
      },
      async verify(callOptions) {
        await requestToken(callOptions);
        return { proven: ['`clientId` and `clientSecret` are accepted'] };
      },
    };
  },
  abilities: (client, { options: { allow, baseUrl, clientId }, credentials: { clientSecret } }) => ({
    proxy: {
      allow,
      tokenKey: () => ({
        vendor: 'acme',
        client: clientId,
        resource: baseUrl,
        secretVersion: clientSecret.version,
      }),
      async issueServerToken(_key, callOptions) {
        const { accessToken, expiresInSeconds } = await client.requestToken(callOptions);
        return { kind: 'server', vendor: 'acme', secret: accessToken, expiresInSeconds };
      },
      send: client.forward,
    },
  }),
});
