import { useLogin, useVendorToken } from '@valetkey/client-sdk/react';
import { login, valet } from './valet.ts';
import { Nabla, Nymbl, Vital } from './vendors.tsx';

export function App({ failure }: { failure: string | undefined }) {
  const { sessionState, user } = useLogin(login);
  if (sessionState === 'UNKNOWN') return <p>Loading …</p>;
  return (
    <main>
      <h1>Valet Key with React</h1>
      {user === undefined ? (
        <SignIn failure={failure} />
      ) : (
        <>
          <p>Signed in as {user.subject}.</p>
          <button onClick={() => void login.logout()}>Sign out</button>
          {/* The key starts every vendor anew if another user signs in. */}
          <dl key={`${user.issuer} ${user.subject}`}>
            <dt>Nudge</dt>
            <dd>
              <Nudge />
            </dd>
            <dt>Nymbl</dt>
            <dd>
              <Nymbl />
            </dd>
            <dt>Vital</dt>
            <dd>
              <Vital />
            </dd>
            <dt>Nabla</dt>
            <dd>
              <Nabla userId={user.subject} />
            </dd>
          </dl>
        </>
      )}
    </main>
  );
}

function SignIn({ failure }: { failure: string | undefined }) {
  return (
    <>
      {failure !== undefined && <p role="alert">The sign-in failed: {failure}.</p>}
      <button onClick={() => void login.authorize().then((url) => location.assign(url))}>Sign in</button>
    </>
  );
}

/** Holds a token for Nudge's SDK, always fresh. */
function Nudge() {
  const { status, response, refresh } = useVendorToken(valet, 'nudge');
  if (status === 'ready') return <>a token for {response.expires_in} seconds</>;
  return status === 'error' ? <button onClick={refresh}>Try again</button> : <>Loading …</>;
}
