// What an app has that uses the client SDK, and the parts of the vendors' SDKs that the pages use.
import type { GetAppToken, ValetClient, VitalCore as VitalCoreModule } from '@valetkey/client-sdk';
import type { DeviceStorage, Session, SessionTokens } from '@valetkey/client-sdk/session';
import type { ReactElement } from 'react';

declare global {
  const valet: ValetClient;
  const getAppToken: GetAppToken;
  const auth: { getAccessToken(): Promise<string> };
  const firebase: { auth(): { currentUser: { getIdToken(forceRefresh: boolean): Promise<string> } | null } };
  const storage: DeviceStorage;
  const session: Session<unknown>;
  const clientId: string;
  const redirectUri: string;
  const userId: string;
  const publicApiKey: string;
  const body: string;
  const element: HTMLElement;

  function post(path: string, fields: object, signal: AbortSignal): Promise<Response>;
  function tokensOf(response: Response): Promise<SessionTokens>;
  function showSignIn(): void;
  function showRetry(seconds: number | undefined): void;
  function showSupport(requestId: string | undefined): void;

  function Spinner(): ReactElement;
  function Home(): ReactElement;
  function SignIn(): ReactElement;

  const app: { get(path: string, handle: (request: Request) => Promise<unknown>): void };
  function bearerTokenOf(request: Request): string;

  const secureEnclave: { signJwt(header: object, claims: object): Promise<string> };
  const jwk: object;
  function randomUuid(): string;
  function sha256Base64url(text: string): string;

  // Nudge's object in a page, and its component in React.
  const Nudge: ((properties: { token: string; onUnauthorized: () => void }) => ReactElement) & {
    registerRefreshToken(refresh: () => Promise<string | null>): void;
  };
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
