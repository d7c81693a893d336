import { ValetError } from '@valetkey/client-sdk';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { login } from './valet.ts';

/** Ends a sign-in if the identity provider has just returned to the app. Resolves with the code of a failure. */
async function finishSignIn(): Promise<string | undefined> {
  if (location.pathname !== '/callback') return undefined;
  const callbackUrl = location.href;
  history.replaceState(null, '', '/');
  try {
    await login.configure();
    await login.finishAuthorization(callbackUrl);
    return undefined;
  } catch (error) {
    return ValetError.isInstance(error) ? error.code : 'unknown';
  }
}

const failure = await finishSignIn();
createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <App failure={failure} />
  </StrictMode>,
);
