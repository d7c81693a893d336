import { json, type Answer, type Call } from './answer.ts';
import { sandboxCredentials } from './credentials.ts';
import { createSigningKeys, type SigningKeys } from './keys.ts';
import { nowSeconds, type Simulation, type SimulationEnvironment } from './simulation.ts';

/** How the simulated Nudge differs from its default. */
export interface NudgeOptions {
  /** The method of the token call. Default: `GET`, a guess: Nudge names none. */
  readonly tokenMethod?: 'GET' | 'POST' | undefined;
  /** Whether short-lived tokens are enabled for the account. Default: true; at Nudge, one has to ask for it. */
  readonly tokensEnabled?: boolean | undefined;
}

/** What tests may do to the simulated Nudge. */
export interface NudgeState {
  /** The private API keys that are taken from now on. */
  readonly setApiKeys: (keys: readonly string[]) => void;
  readonly setTokensEnabled: (enabled: boolean) => void;
}

const maxExpiryMinutes = 525_600;

/** Simulates Nudge's short-lived tokens: EdDSA, for the whole account, nothing in them but `iat` and `exp`. */
export const createNudge = (
  { clock }: SimulationEnvironment,
  { tokenMethod = 'GET', tokensEnabled = true }: NudgeOptions = {},
): { simulation: Simulation; state: NudgeState; keys: SigningKeys } => {
  const keys = createSigningKeys(clock, ['EdDSA']);
  let apiKeys: readonly string[] = [sandboxCredentials.nudge.apiKey];
  let enabled = tokensEnabled;

  const issue = async (call: Call): Promise<Answer> => {
    const apiKey = call.headers['apikey'];
    if (typeof apiKey !== 'string' || !apiKeys.includes(apiKey)) return failure(401);
    if (!enabled) return failure(403);
    const text = call.query.get('expiryMins') ?? '60';
    const minutes = /^\d{1,6}$/.test(text) ? Number(text) : 0;
    if (minutes < 1 || minutes > maxExpiryMinutes) return failure(400);
    const iat = nowSeconds(clock);
    const token = await keys.sign({ iat, exp: iat + minutes * 60 }, { typ: null, flaw: call.tokenFlaw });
    return json(200, { token });
  };

  return {
    keys,
    simulation: { vendor: 'nudge', failure, routes: { [`${tokenMethod} /api/clients/jwt/token`]: issue } },
    state: {
      setApiKeys: (keys) => {
        apiKeys = [...keys];
      },
      setTokensEnabled: (value) => {
        enabled = value;
      },
    },
  };
};

const messages: Readonly<Record<number, string>> = {
  400: 'expiryMins must be a positive integer',
  401: 'Invalid API key',
  403: 'Short lived tokens are not enabled for this account',
};

/** Nudge documents no errors: statuses and bodies are guesses. */
const failure = (status: number): Answer =>
  json(status, { statusCode: status, message: messages[status] ?? 'Something went wrong' });
