import { requireStringFields } from '../client/broker-response.ts';
import { callSafely } from '../calls/call-safely.ts';
import { checkClient, lookInside, type ClientInside } from '../calls/client-inside.ts';
import type { ValetClient } from '../client/client.ts';
import type { ConnectionOption, OptionsParameter } from '../client/register.ts';
import { ValetError } from '../errors/valet-error.ts';
import { parseConnection } from './connection.ts';

/** The result of the session token provider of Nabla's SDK. */
export interface NablaSessionTokens {
  accessToken: string;
  refreshToken: string;
}

/** The options of {@link nablaSessionTokens}. */
export interface NablaSessionTokensOptions extends ConnectionOption<'nabla'> {
  /** Receives the error if the function gives up, for example to show a sign-in. The function ignores what it throws. */
  readonly onFailure?: ((error: ValetError) => void) | undefined;
}

/**
 * A well-formed token that expired in 1970 and that no key signed. Nabla's SDKs read the expiry of a token before they use
 * it: they refuse this one without a request, and the call that needed a token fails.
 */
const expiredToken = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjF9.AA';

const maxAttempts = 3;
const maxPauseMs = 5000;

/**
 * Creates the session token provider of Nabla's SDK. The SDK calls it when the patient authenticates for the first
 * time, and when the refresh token on the device has expired. Each call requests new tokens from Nabla; the client
 * stores no token.
 *
 * The provider never rejects, because Nabla's SDK for React Native then waits for ever, with all its later calls. If a
 * request fails and a retry may succeed, the provider requests the tokens up to three times. If it gives up, it passes the
 * error to `onFailure` and resolves with two expired tokens, which Nabla's SDK refuses.
 *
 * Throws a `TypeError` that names an invalid argument.
 *
 * @example
 * ```ts
 * import { nablaSessionTokens } from '@valetkey/client-sdk';
 *
 * await NablaClient.getInstance().initialize(configuration, nablaSessionTokens(valet));
 * await NablaClient.getInstance().setCurrentUserOrThrow(userId);
 * ```
 */
export function nablaSessionTokens(
  valet: ValetClient,
  ...[options = {}]: OptionsParameter<NablaSessionTokensOptions>
): () => Promise<NablaSessionTokens> {
  checkClient(valet, 'nablaSessionTokens', 'issue');
  const [connection, check] = parseConnection('nablaSessionTokens', 'nabla', options, ['onFailure']);
  const { onFailure } = options;
  check(onFailure === undefined || typeof onFailure === 'function', 'onFailure', 'must be a function');
  return async () => {
    try {
      return await requestTokens(valet, connection);
    } catch (error) {
      const failure = ValetError.isInstance(error) ? error : new ValetError('internal', 'The client itself failed.');
      // A failure of the app must not make Nabla's SDK wait for ever.
      if (onFailure !== undefined) callSafely(onFailure, failure);
      return { accessToken: expiredToken, refreshToken: expiredToken };
    }
  };
}

async function requestTokens(valet: ValetClient, connection: string): Promise<NablaSessionTokens> {
  const inside = lookInside(valet);
  const session = inside.currentSession();
  for (let attempt = 1; ; attempt += 1) {
    try {
      const fields = requireStringFields(await valet.issue(connection), 'access_token', 'refresh_token');
      return { accessToken: fields.access_token, refreshToken: fields.refresh_token };
    } catch (error) {
      const pauseMs = pauseBefore(attempt, error);
      if (pauseMs === undefined) throw error;
      await pause(inside, pauseMs);
      // The next token would be that of another user.
      if (session.ended) throw error;
    }
  }
}

/** Returns the milliseconds before the next attempt, or undefined if there is none. */
function pauseBefore(attempt: number, error: unknown): number | undefined {
  if (attempt === maxAttempts || !ValetError.isInstance(error) || !error.retryable) return undefined;
  const pauseMs = 1000 * (error.retryAfterSeconds ?? attempt);
  return pauseMs <= maxPauseMs ? pauseMs : undefined;
}

function pause({ clock }: ClientInside, pauseMs: number): Promise<void> {
  return new Promise((resolve) => void clock.schedule(resolve, pauseMs));
}
