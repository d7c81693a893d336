import {
  authgearAppToken,
  createValetClient,
  nablaSessionTokens,
  nudgeRefreshToken,
  nymblFetch,
  ValetError,
  vitalReconcile,
  vitalSignInToken,
  type GetAppToken,
  type ValetClient,
} from '@valetkey/client-sdk';
import {
  createVitalCore,
  DemoFailure,
  exchangeAtVital,
  expect,
  fetchNablaPatient,
  refreshAtNabla,
  signInAtAuthgear,
  signInAtIdp,
} from './device.ts';

/** One action of an app. `run` resolves with a sentence about the result, which contains no whole token. */
export interface Step {
  readonly vendor: string;
  /** At most 50 characters, so that a row of the table fits 80 columns. */
  readonly name: string;
  readonly run: () => Promise<string>;
}

export interface Addresses {
  readonly brokerUrl: string;
  readonly sandboxUrl: string;
}

const subject = 'alice';

/** Returns the beginning of a token, and its length. */
export const shorten = (token: string) => `${token.slice(0, 6)}… (${token.length} characters)`;

/** Signs alice in and resolves to her app token. */
export const signIn = ({ sandboxUrl }: Addresses): Promise<string> => signInAtIdp(sandboxUrl, subject);

/** Returns every step with the vendors that are code, in order. The steps of one vendor build on each other. */
export async function listSteps(addresses: Addresses, appToken: string): Promise<readonly Step[]> {
  const valet = createClient(addresses, () => appToken);
  return [
    ...nablaSteps(addresses, valet),
    ...nudgeSteps(addresses, valet, appToken),
    ...nymblSteps(valet),
    ...(await authgearSteps(addresses)),
    ...vitalSteps(addresses, valet),
  ];
}

const createClient = ({ brokerUrl }: Addresses, getAppToken: GetAppToken) =>
  createValetClient({ brokerUrl, getAppToken });

function nablaSteps({ sandboxUrl }: Addresses, valet: ValetClient): Step[] {
  const vendor = 'Nabla';
  const provideSessionTokens = nablaSessionTokens(valet);
  let refreshToken = '';
  return [
    {
      vendor,
      name: 'two calls get two fresh pairs of tokens',
      run: async () => {
        const first = await provideSessionTokens();
        const second = await provideSessionTokens();
        expect(first.accessToken !== second.accessToken, 'Both calls returned the same access token.');
        expect(first.refreshToken !== second.refreshToken, 'Both calls returned the same refresh token.');
        ({ refreshToken } = second);
        return `The second access token is ${shorten(second.accessToken)}.`;
      },
    },
    {
      vendor,
      name: 'the device refreshes without the broker',
      run: async () => {
        const accessToken = await refreshAtNabla(sandboxUrl, refreshToken);
        const patient = await fetchNablaPatient(sandboxUrl, accessToken);
        expect(patient === subject, 'Nabla accepts the token for another patient.');
        return `Nabla accepts access ${shorten(accessToken)} for the patient ${patient}.`;
      },
    },
  ];
}

function nudgeSteps(addresses: Addresses, valet: ValetClient, appToken: string): Step[] {
  const vendor = 'Nudge';
  return [
    {
      vendor,
      name: 'the callback of the SDK gets a token',
      run: async () => {
        const token = await nudgeRefreshToken(valet)();
        if (token === null) throw new DemoFailure('The callback returned null.');
        return `The callback returned ${shorten(token)}.`;
      },
    },
    {
      vendor,
      name: 'the app can request the token as plain text',
      run: async () => {
        const response = await fetch(`${addresses.brokerUrl}/v1/vendors/nudge/token`, {
          method: 'POST',
          headers: { authorization: `Bearer ${appToken}`, accept: 'text/plain' },
        });
        const token = await response.text();
        expect(response.ok && token.split('.').length === 3, `The broker responded ${response.status} without a JWT.`);
        return `The body of the response is ${shorten(token)}.`;
      },
    },
    {
      vendor,
      name: 'after a sign-out the callback returns null',
      run: async () => {
        const token = await nudgeRefreshToken(createClient(addresses, () => null))();
        expect(token === null, 'The callback returned a token although no user is signed in.');
        return 'The callback returned null.';
      },
    },
  ];
}

function nymblSteps(valet: ValetClient): Step[] {
  const vendor = 'Nymbl';
  const nymbl = nymblFetch(valet);
  return [
    {
      vendor,
      name: 'the app reads patients through the broker',
      run: async () => {
        const response = await nymbl('/Patients?$top=2');
        expect(response.ok, `The broker responded ${response.status}.`);
        const { value } = (await response.json()) as { value: unknown[] };
        expect(value.length === 2, `Nymbl sent ${value.length} patients instead of 2.`);
        return `Nymbl sent ${value.length} patients; its token stayed at the broker.`;
      },
    },
    {
      vendor,
      name: 'a call that is not on the allow-list is refused',
      run: async () => {
        const code = await nymbl('/Patients', { method: 'POST', body: '{}' }).then(
          () => 'no error',
          (error: unknown) => (ValetError.isInstance(error) ? error.code : 'another error'),
        );
        expect(code === 'forbidden', `The broker responded with ${code} instead of forbidden.`);
        return 'The broker refused POST /Patients: forbidden.';
      },
    },
  ];
}

async function authgearSteps({ brokerUrl, sandboxUrl }: Addresses): Promise<Step[]> {
  const vendor = 'Authgear';
  const { container, expire } = await signInAtAuthgear(sandboxUrl, subject);
  const valet = createClient({ brokerUrl, sandboxUrl }, authgearAppToken(container));

  async function describeSession() {
    const session = await valet.session();
    const isAlice = session.subject === subject && session.issuer.endsWith('/authgear');
    expect(isAlice, 'The session belongs to another user.');
    return `The broker knows ${session.subject} by the token ${shorten(container.accessToken ?? '')}.`;
  }
  async function resolve(headers: Record<string, string>) {
    const response = await fetch(`${brokerUrl}/v1/resolve`, { headers });
    expect(response.status === 200, `The broker responded ${response.status}.`);
    return response.headers.get('x-valetkey-session-valid') ?? 'absent';
  }

  return [
    { vendor, name: 'a user of Authgear is a user of the broker', run: describeSession },
    {
      vendor,
      name: 'a reverse proxy asks whether a session is valid',
      run: async () => {
        const values = [
          await resolve({}),
          await resolve({ authorization: 'Bearer not-a-token' }),
          await resolve({ authorization: `Bearer ${container.accessToken}` }),
        ].join(', ');
        expect(values === 'absent, false, true', `The session-valid header was: ${values}.`);
        return 'Without a token: no header. Invalid token: false. Valid token: true.';
      },
    },
    {
      vendor,
      name: 'the device refreshes its token and calls again',
      run: async () => {
        const before = container.accessToken;
        expire();
        const session = await describeSession();
        expect(container.accessToken !== before, 'The token was not refreshed.');
        return session;
      },
    },
  ];
}

function vitalSteps({ sandboxUrl }: Addresses, valet: ValetClient): Step[] {
  const vendor = 'Vital';
  let userId = '';
  let firstToken = '';
  return [
    {
      vendor,
      name: 'the broker creates the user and gets a token',
      run: async () => {
        const issued = await valet.issue('vital');
        ({ user_id: userId, sign_in_token: firstToken } = issued);
        return `The sign-in token ${shorten(firstToken)} is for the user ${userId}.`;
      },
    },
    {
      vendor,
      name: 'a second device gets its own token, same user',
      run: async () => {
        const issued = await valet.issue('vital');
        expect(issued.user_id === userId, 'The broker created a second user.');
        expect(issued.sign_in_token !== firstToken, 'Both devices got the same token, which works only once.');
        return `The sign-in token ${shorten(issued.sign_in_token)} is for the same user.`;
      },
    },
    {
      vendor,
      name: 'the device exchanges its sign-in token',
      run: async () => {
        const accessToken = await exchangeAtVital(sandboxUrl, await vitalSignInToken(valet)());
        return `Vital returned access ${shorten(accessToken)}.`;
      },
    },
    {
      vendor,
      name: 'two launches of the app sign in once',
      run: async () => {
        const core = createVitalCore(sandboxUrl, () => userId);
        const reconcile = vitalReconcile(valet, core);
        const outcomes = [await reconcile(), await reconcile()].join(', ');
        expect(outcomes === 'signed_in, unchanged', `The launches ended with: ${outcomes}.`);
        return 'The first launch signed in, the second changed nothing.';
      },
    },
  ];
}
