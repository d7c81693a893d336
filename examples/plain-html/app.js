import { createValetClient, nymblFetch } from '@valetkey/client-sdk';
import { createLogin } from '@valetkey/client-sdk/login';
import { indexedDbStorage } from '@valetkey/client-sdk/session';

// The addresses of `pnpm start`. In production, they are those of your broker and your identity provider.
const login = createLogin({
  clientId: 'my-app',
  issuer: 'http://127.0.0.1:8790/idp',
  redirectUri: `${location.origin}/`,
  storage: indexedDbStorage(),
});
const valet = createValetClient({ brokerUrl: 'http://127.0.0.1:8787', getAppToken: login.getAppToken });
const nymbl = nymblFetch(valet);

const element = (id) => document.getElementById(id);

function show() {
  const isSignedIn = login.sessionState === 'AUTHENTICATED';
  element('state').textContent = isSignedIn ? `Signed in as ${login.user.subject}.` : 'Signed out.';
  element('home').hidden = !isSignedIn;
  element('sign-in').hidden = isSignedIn;
  if (isSignedIn) return;
  valet.signOut();
  element('list').replaceChildren();
}

/** Calls `action` after a click, and shows the code of its failure. */
function onClick(id, action) {
  element(id).addEventListener('click', () => action().catch(showFailure));
}

function showFailure(error) {
  element('state').textContent = `Failed: ${error.code}.`;
}

onClick('sign-in', async () => location.assign(await login.authorize()));
onClick('sign-out', () => login.logout());
onClick('patients', async () => {
  const response = await nymbl('/Patients?$top=3');
  const { value } = await response.json();
  element('list').replaceChildren(
    ...value.map(({ first_name, last_name }) => {
      const item = document.createElement('li');
      item.textContent = `${first_name} ${last_name}`;
      return item;
    }),
  );
});

// Other tabs sign in and out, too.
login.onSessionStateChange(show);

try {
  await login.configure();
  show();
  if (new URLSearchParams(location.search).has('state')) {
    const callbackUrl = location.href;
    history.replaceState(null, '', '/');
    await login.finishAuthorization(callbackUrl);
  }
} catch (error) {
  showFailure(error);
}
