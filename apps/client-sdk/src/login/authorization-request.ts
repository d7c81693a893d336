import { parseCallOptions } from '../checks/arguments.ts';
import { neverEnding } from '../calls/client-inside.ts';
import { settleWithin } from '../calls/deadline.ts';
import { loginError } from './login-errors.ts';
import type { ParsedLoginOptions } from './login-options.ts';
import type { AuthorizeOptions } from './login-types.ts';
import type { PendingRequests } from './pending-requests.ts';
import { endpointOf } from './provider-calls.ts';
import type { Provider } from './provider.ts';
import { challengeOf, randomText } from './random-text.ts';

export interface AuthorizationDependencies extends ParsedLoginOptions {
  readonly provider: Provider;
  readonly pending: PendingRequests;
}

/** Resolves with the URL of the provider's sign-in page, after it has stored what the callback must match. */
export async function authorize(
  dependencies: AuthorizationDependencies,
  options: AuthorizeOptions | undefined,
): Promise<string> {
  const { clientId, redirectUri, scope, cryptography, clock, timeoutMs, provider, pending } = dependencies;
  const { signal, state, prompt, loginHint, uiLocales, parameters } = parseCallOptions<AuthorizeOptions>(options, [
    'prompt',
    'loginHint',
    'uiLocales',
    'state',
    'parameters',
    'signal',
  ]);
  checkText(state);
  return settleWithin({ clock, timeoutMs, signal, ending: neverEnding, what: 'The sign-in' }, async () => {
    const url = endpointOf((await provider.metadata()).authorization_endpoint);
    const id = await randomText(cryptography);
    const nonce = await randomText(cryptography);
    const verifier = await randomText(cryptography);
    const own = {
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      scope,
      state: id,
      nonce,
      code_challenge: await challengeOf(verifier, cryptography),
      code_challenge_method: 'S256',
      prompt: joined(prompt),
      login_hint: loginHint,
      ui_locales: joined(uiLocales),
    };
    if (Object.keys(parameters ?? {}).some((name) => Object.hasOwn(own, name))) {
      throw loginError('invalid_request', '`parameters` has a parameter that the login itself sets.');
    }
    for (const [name, value] of Object.entries({ ...parameters, ...own })) {
      const text = checkText(value);
      if (text !== undefined) url.searchParams.set(name, text);
    }
    await pending.add({ id, nonce, verifier, state });
    return url.href;
  });
}

function checkText(value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw loginError('invalid_request', 'An option of `authorize` is not a text.');
}

function joined(value: unknown): unknown {
  return Array.isArray(value) ? value.join(' ') : value;
}
