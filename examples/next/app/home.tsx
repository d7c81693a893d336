'use client';

import { ValetError } from '@valetkey/client-sdk';
import { useLogin, useVendorToken } from '@valetkey/client-sdk/react';
import { useEffect, useState } from 'react';
import { finishSignIn, login, origin, valet } from './valet';

export function Home() {
  const { sessionState, user } = useLogin(login);
  const [failure, setFailure] = useState<string>();
  useEffect(() => {
    finishSignIn().catch((error: unknown) => setFailure(codeOf(error)));
  }, []);
  return (
    <main>
      <h1>Valet Key with Next.js</h1>
      {failure !== undefined && <p role="alert">The sign-in failed: {failure}.</p>}
      {sessionState === 'UNKNOWN' && <p>Loading …</p>}
      {sessionState === 'NO_SESSION' && (
        <button onClick={() => void login.authorize().then((url) => location.assign(url))}>Sign in</button>
      )}
      {user !== undefined && (
        // The key starts every vendor anew if another user signs in.
        <section key={`${user.issuer} ${user.subject}`}>
          <p>Signed in as {user.subject}.</p>
          <button onClick={() => void login.logout()}>Sign out</button>
          <Nudge />
          <Patients />
        </section>
      )}
    </main>
  );
}

/** Requests a token for Nudge's SDK from the broker, without the app's server. */
function Nudge() {
  const { status, response, refresh } = useVendorToken(valet, 'nudge');
  if (status === 'error') return <button onClick={refresh}>Try again</button>;
  return <p>Nudge: {status === 'ready' ? `a token for ${response.expires_in} seconds` : 'loading …'}</p>;
}

/** Asks the app's server, which calls Nymbl as this user. */
function Patients() {
  const [text, setText] = useState('loading …');
  useEffect(() => {
    const controller = new AbortController();
    const show = (next: string) => !controller.signal.aborted && setText(next);
    listPatients(controller.signal).then(show, (error: unknown) => show(`failed: ${codeOf(error)}`));
    return () => controller.abort();
  }, []);
  return <p>Patients: {text}</p>;
}

async function listPatients(signal: AbortSignal): Promise<string> {
  const response = await login.fetch(`${origin}/api/patients`, { signal });
  const answer = (await response.json()) as { patients: string[] } | { code: string };
  return 'patients' in answer ? answer.patients.join(', ') : `failed: ${answer.code}`;
}

function codeOf(error: unknown): string {
  return ValetError.isInstance(error) ? error.code : 'unknown';
}
