// What an app has that uses the client SDK, and the parts of the vendors' SDKs that the pages use.
import type { GetAppToken, ValetClient, VitalCore as VitalCoreModule } from '@valetkey/client-sdk';
import type { SessionTokens } from '@valetkey/client-sdk/session';

declare global {
  const valet: ValetClient;
  const getAppToken: GetAppToken;
  const auth: { getAccessToken(): Promise<string> };
  const firebase: { auth(): { currentUser: { getIdToken(forceRefresh: boolean): Promise<string> } | null } };
  const userId: string;

  function post(path: string, fields: object, signal: AbortSignal): Promise<Response>;
  function tokensOf(response: Response): Promise<SessionTokens>;
  function showSignIn(): void;
  function showRetry(seconds: number | undefined): void;
  function showSupport(requestId: string | undefined): void;

  const app: { get(path: string, handle: (request: Request) => Promise<unknown>): void };
  function bearerTokenOf(request: Request): string;

  const secureEnclave: { signJwt(header: object, claims: object): Promise<string> };
  const jwk: object;
  function randomUuid(): string;
  function sha256Base64url(text: string): string;

  // Nudge's object in a page.
  const Nudge: { registerRefreshToken(refresh: () => Promise<string | null>): void };
  // https://docs.nabla.com
  const NablaClient: {
    getInstance(): {
      initialize(
        configuration: object,
        provide: () => Promise<{ accessToken: string; refreshToken: string }>,
      ): Promise<void>;
      setCurrentUserOrThrow(userId: string): Promise<void>;
    };
  };
  const configuration: object;
  // `@tryvital/vital-core-react-native`
  const VitalCore: VitalCoreModule & {
    configure(apiKey: string, environment: string, region: string, enableLogs: boolean): Promise<void>;
  };
  const publicKey: string;
  // `@react-native-community/netinfo`
  const NetInfo: { addEventListener(listener: (state: { isConnected: boolean | null }) => void): () => void };
}
