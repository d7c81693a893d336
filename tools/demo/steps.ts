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
  askNabla,
  createVitalCore,
  DemoFailure,
  exchangeAtVital,
  expect,
  refreshAtNabla,
  signInAtAuthgear,
  signInAtIdp,
} from './device.ts';

/** One thing to try. It answers what came of it, in words that hold no whole token, or throws. */
export interface Step {
  readonly vendor: string;
  readonly name: string;
  readonly run: () => Promise<string>;
}

export interface Places {
  readonly brokerUrl: string;
  readonly sandboxUrl: string;
}

const subject = 'alice';

const shorten = (token: string) => `${token.slice(0, 6)}… (${token.length} characters)`;

/** Every step, in order. Steps of one vendor build on each other. */
export async function listSteps(places: Places): Promise<readonly Step[]> {
  const appToken = await signInAtIdp(places.sandboxUrl, subject);
  const valet = clientOf(places, () => appToken);
  return [
    ...nablaSteps(places, valet),
    ...nudgeSteps(places, valet, appToken),
    ...nymblSteps(valet),
    ...(await authgearSteps(places)),
    ...vitalSteps(places, valet),
  ];
}

const clientOf = ({ brokerUrl }: Places, getAppToken: GetAppToken) => createValetClient({ brokerUrl, getAppToken });

function nablaSteps({ sandboxUrl }: Places, valet: ValetClient): Step[] {
  const vendor = 'Nabla';
  const provideSessionTokens = nablaSessionTokens(valet);
  let refreshToken = '';
  return [
    {
      vendor,
      name: 'two asks, two fresh pairs',
      run: async () => {
        const first = await provideSessionTokens();
        const second = await provideSessionTokens();
        expect(first.accessToken !== second.accessToken, 'both asks gave one access token');
        expect(first.refreshToken !== second.refreshToken, 'both asks gave one refresh token');
        ({ refreshToken } = second);
        return `access ${shorten(second.accessToken)}, refresh ${shorten(second.refreshToken)}`;
      },
    },
    {
      vendor,
      name: 'refresh on the device, without the broker',
      run: async () => {
        const accessToken = await refreshAtNabla(sandboxUrl, refreshToken);
        const patient = await askNabla(sandboxUrl, accessToken);
        expect(patient === subject, 'Nabla takes the token for another patient');
        return `access ${shorten(accessToken)} of the patient ${patient}`;
      },
    },
  ];
}

function nudgeSteps(places: Places, valet: ValetClient, appToken: string): Step[] {
  const vendor = 'Nudge';
  return [
    {
      vendor,
      name: 'the callback answers a token',
      run: async () => {
        const token = await nudgeRefreshToken(valet)();
        if (token === null) throw new DemoFailure('the callback answered null');
        return `token ${shorten(token)}`;
      },
    },
    {
      vendor,
      name: 'as text/plain, for callbacks that read the body',
      run: async () => {
        const response = await fetch(`${places.brokerUrl}/v1/vendors/nudge/token`, {
          method: 'POST',
          headers: { authorization: `Bearer ${appToken}`, accept: 'text/plain' },
        });
        const token = await response.text();
        expect(response.ok && token.split('.').length === 3, `HTTP ${response.status} and not a bare JWT`);
        return `token ${shorten(token)}`;
      },
    },
    {
      vendor,
      name: 'signed out, the callback answers null',
      run: async () => {
        const token = await nudgeRefreshToken(clientOf(places, () => null))();
        expect(token === null, 'a token for nobody');
        return 'null';
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
      name: 'GET /Patients through the broker',
      run: async () => {
        const response = await nymbl('/Patients?$top=2');
        expect(response.ok, `HTTP ${response.status}`);
        const { value } = (await response.json()) as { value: unknown[] };
        expect(value.length === 2, `${value.length} patients instead of 2`);
        return `${value.length} patients, no token`;
      },
    },
    {
      vendor,
      name: 'a call that is not on the allow-list',
      run: async () => {
        const code = await nymbl('/Patients', { method: 'POST', body: '{}' }).then(
          () => 'let through',
          (error: unknown) => (ValetError.isInstance(error) ? error.code : 'failed otherwise'),
        );
        expect(code === 'forbidden', `expected forbidden: ${code}`);
        return 'refused: forbidden';
      },
    },
  ];
}

async function authgearSteps({ brokerUrl, sandboxUrl }: Places): Promise<Step[]> {
  const vendor = 'Authgear';
  const { container, expire } = await signInAtAuthgear(sandboxUrl, subject);
  const valet = clientOf({ brokerUrl, sandboxUrl }, authgearAppToken(container));

  const describeSession = async () => {
    const session = await valet.session();
    expect(session.subject === subject && session.issuer.endsWith('/authgear'), 'the session is of somebody else');
    return `${session.subject}, token ${shorten(container.accessToken ?? '')}`;
  };
  const resolve = async (headers: Record<string, string>) => {
    const response = await fetch(`${brokerUrl}/v1/resolve`, { headers });
    expect(response.status === 200, `HTTP ${response.status}`);
    return response.headers.get('x-valetkey-session-valid') ?? 'absent';
  };

  return [
    { vendor, name: 'its session is a session here', run: describeSession },
    {
      vendor,
      name: 'forward-auth without, with a bad, with a good token',
      run: async () => {
        const answers = [
          await resolve({}),
          await resolve({ authorization: 'Bearer not-a-token' }),
          await resolve({ authorization: `Bearer ${container.accessToken}` }),
        ].join(', ');
        expect(answers === 'absent, false, true', answers);
        return answers;
      },
    },
    {
      vendor,
      name: 'refreshed on the device, and again',
      run: async () => {
        const before = container.accessToken;
        expire();
        const session = await describeSession();
        expect(container.accessToken !== before, 'the token was not refreshed');
        return session;
      },
    },
  ];
}

function vitalSteps({ sandboxUrl }: Places, valet: ValetClient): Step[] {
  const vendor = 'Vital';
  let userId = '';
  let firstToken = '';
  return [
    {
      vendor,
      name: 'a sign-in token; the user is made where absent',
      run: async () => {
        const answer = await valet.issue('vital');
        ({ user_id: userId, sign_in_token: firstToken } = answer);
        return `user ${userId}, token ${shorten(answer.sign_in_token)}`;
      },
    },
    {
      vendor,
      name: 'a second device is the same user',
      run: async () => {
        const answer = await valet.issue('vital');
        expect(answer.user_id === userId, 'a second user was made');
        expect(answer.sign_in_token !== firstToken, 'both devices got one token, which is good for one of them');
        return `user ${answer.user_id}, token ${shorten(answer.sign_in_token)}`;
      },
    },
    {
      vendor,
      name: 'the device exchanges its sign-in token',
      run: async () => {
        const accessToken = await exchangeAtVital(sandboxUrl, await vitalSignInToken(valet)());
        return `access ${shorten(accessToken)}`;
      },
    },
    {
      vendor,
      name: 'two launches sign in once',
      run: async () => {
        const reconcile = vitalReconcile(
          valet,
          createVitalCore(sandboxUrl, () => userId),
        );
        const outcomes = [await reconcile(), await reconcile()].join(', ');
        expect(outcomes === 'signed_in, unchanged', outcomes);
        return outcomes;
      },
    },
  ];
}
