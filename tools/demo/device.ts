// Small replacements for the vendors' own SDKs on a device, with only the functions that the demo needs.
import type { AuthgearContainer, VitalCore } from '@valetkey/client-sdk';
import { sandboxCredentials } from '@valetkey/sandbox';

type Fields = Readonly<Record<string, unknown>>;

/** Posts a form, or any other body as JSON, to the sandbox. Returns the JSON response. */
async function post(
  url: string,
  body: URLSearchParams | Fields,
  headers: Record<string, string> = {},
): Promise<Fields> {
  const isForm = body instanceof URLSearchParams;
  const response = await fetch(url, {
    method: 'POST',
    headers: isForm ? headers : { 'content-type': 'application/json', ...headers },
    body: isForm ? body : JSON.stringify(body),
  }).catch(() => {
    throw new DemoFailure(`${url} is unreachable.`);
  });
  if (!response.ok) throw new DemoFailure(`${new URL(url).pathname} responded ${response.status}.`);
  return (await response.json()) as Fields;
}

/** An error with a message of the demo's own, which contains no token and can be printed. */
export class DemoFailure extends Error {}

export function expect(holds: boolean, failure: string): void {
  if (!holds) throw new DemoFailure(failure);
}

/** Signs in at the plain OpenID provider and returns the app token. */
export async function signInAtIdp(sandboxUrl: string, subject: string): Promise<string> {
  const claims = { nymbl_customer: sandboxCredentials.nymbl.customer };
  return String((await post(`${sandboxUrl}/idp/dev-token`, { sub: subject, claims }))['access_token']);
}

/** Returns an Authgear container in which `subject` is signed in. After `expire` its access token needs a refresh. */
export async function signInAtAuthgear(sandboxUrl: string, subject: string) {
  let tokens = await post(`${sandboxUrl}/authgear/dev-session`, { sub: subject });
  let expired = false;
  const container: AuthgearContainer = {
    sessionState: 'AUTHENTICATED',
    get accessToken() {
      return String(tokens['access_token']);
    },
    fetchUserInfo: async () => undefined,
    refreshAccessTokenIfNeeded: async () => {
      if (!expired) return;
      const form = new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: sandboxCredentials.authgear.clientId,
        refresh_token: String(tokens['refresh_token']),
      });
      tokens = { ...tokens, ...(await post(`${sandboxUrl}/authgear/oauth2/token`, form)) };
      expired = false;
    },
  };
  return { container, expire: () => void (expired = true) };
}

export async function refreshAtNabla(sandboxUrl: string, refreshToken: string): Promise<string> {
  const url = `${sandboxUrl}/nabla/v1/patient/jwt/refresh`;
  return String((await post(url, { refresh_token: refreshToken }))['access_token']);
}

/** Returns the id of the patient that Nabla accepts the token for. */
export async function fetchNablaPatient(sandboxUrl: string, accessToken: string): Promise<string> {
  const url = `${sandboxUrl}/nabla/v1/patient/graphql/sdk/authenticated`;
  const { data } = await post(url, { query: '{ me { id } }' }, { 'x-nabla-authorization': `Bearer ${accessToken}` });
  return (data as { me: { id: string } }).me.id;
}

/** Exchanges a sign-in token, which works once, for the access token of Vital's SDK. */
export async function exchangeAtVital(sandboxUrl: string, signInToken: string): Promise<string> {
  const { user_token } = JSON.parse(Buffer.from(signInToken, 'base64').toString()) as { user_token: string };
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:junction:sign-in-token',
    subject_token: user_token,
  });
  return String((await post(`${sandboxUrl}/vital-auth/v1/token`, form))['access_token']);
}

/** Creates a replacement for Vital's Core SDK, with the state that the SDK keeps on the device. */
export function createVitalCore(sandboxUrl: string, userIdOf: () => string): VitalCore {
  let userId: string | null = null;
  return {
    status: async () => (userId === null ? ['configured'] : ['configured', 'signedIn', 'useSignInToken']),
    currentUserId: async () => userId,
    signIn: async (signInToken) => {
      expect(userId === null, "The app signed in at Vital's SDK twice.");
      await exchangeAtVital(sandboxUrl, signInToken);
      userId = userIdOf();
    },
    signOut: async () => {
      userId = null;
    },
  };
}
