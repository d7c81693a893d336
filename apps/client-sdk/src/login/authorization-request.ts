import { parseCallOptions } from '../arguments.ts';
import { neverEnding } from '../client-inside.ts';
import { settleWithin } from '../deadline.ts';
import { loginError } from './login-errors.ts';
import type { ParsedLoginOptions } from './login-options.ts';
import type { AuthorizeOptions } from './login-types.ts';
import type { PendingRequests } from './pending-requests.ts';
import type { Provider } from './provider.ts';
import { challengeOf, randomText } from './random-text.ts';

export interface AuthorizationDependencies extends ParsedLoginOptions {
  readonly provider: Provider;
  readonly pending: PendingRequests;
}

const optionNames = ['prompt', 'loginHint', 'uiLocales', 'state', 'parameters', 'signal'] as const;

/** Resolves with the URL of the provider's sign-in page, after it has stored what the callback must match. */
export async function authorize(
  dependencies: AuthorizationDependencies,
  options: AuthorizeOptions | undefined,
): Promise<string> {
  const { clientId, redirectUri, scope, cryptography, clock, timeoutMs, provider, pending } = dependencies;
  const { signal, state, ...parsed } = parseAuthorizeOptions(options);
  return settleWithin({ clock, timeoutMs, signal, ending: neverEnding, what: 'The sign-in' }, async () => {
    const { authorization_endpoint: endpoint } = await provider.metadata();
    if (endpoint === undefined) throw loginError('response_invalid', 'The provider has no sign-in page for apps.');
    const [id, nonce, verifier] = await Promise.all([
      randomText(cryptography),
      randomText(cryptography),
      randomText(cryptography),
    ]);
    const url = new URL(endpoint);
    const parameters = {
      ...parsed.parameters,
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      scope,
      state: id,
      nonce,
      code_challenge: await challengeOf(verifier, cryptography),
      code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    await pending.add({ id, nonce, verifier, state });
    return url.href;
  });
}

/** The parameters that bind the callback to this request, or that only `createLogin` decides. */
const reserved = new Set([
  'client_id',
  'client_secret',
  'code_challenge',
  'code_challenge_method',
  'nonce',
  'redirect_uri',
  'request',
  'request_uri',
  'response_mode',
  'response_type',
  'scope',
  'state',
]);

function parseAuthorizeOptions(value: AuthorizeOptions | undefined) {
  const options = parseCallOptions<AuthorizeOptions>(value, optionNames);
  const { prompt, loginHint, uiLocales, state, parameters = {}, signal } = options;
  const further: Record<string, string | undefined> = {
    prompt: joined(prompt, 'prompt'),
    login_hint: text(loginHint, 'loginHint'),
    ui_locales: joined(uiLocales, 'uiLocales'),
  };
  for (const [name, parameter] of Object.entries(parameters)) {
    if (reserved.has(name) || further[name] !== undefined) {
      throw loginError('invalid_request', '`parameters` has a parameter that the login itself sets.');
    }
    further[name] = text(parameter, 'parameters');
  }
  const present = Object.entries(further).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { signal, state: text(state, 'state'), parameters: Object.fromEntries(present) };
}

function text(value: unknown, name: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw loginError('invalid_request', `\`${name}\` must be a text.`);
}

function joined(value: unknown, name: string): string | undefined {
  return Array.isArray(value) ? value.map((part) => text(part, name)).join(' ') : text(value, name);
}
