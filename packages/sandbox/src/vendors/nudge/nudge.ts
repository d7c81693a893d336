import { sandboxMarker } from '@valetkey/core-types';
import { z } from 'zod';
import { jsonResponse, type Call, type SimulatedResponse } from '../../engine/responses.ts';
import { control } from '../../engine/controls.ts';
import { createCredentialList, credentialsSchema } from '../../engine/credential-list.ts';
import { nowSeconds } from '../../engine/now-seconds.ts';
import { defineSimulation } from '../../engine/simulation.ts';

const maxExpiryMinutes = 525_600;

/** Simulates Nudge's short-lived tokens: EdDSA, for the whole account, with no claims but `iat` and `exp`. */
export const nudge = defineSimulation({
  id: 'nudge',
  title: 'Nudge',
  options: z.strictObject({
    tokenMethod: z
      .enum(['GET', 'POST'])
      .default('GET')
      .describe('The HTTP method that Nudge accepts for the token call. Nudge documents none, so `GET` is a guess.'),
    tokensEnabled: z
      .boolean()
      .default(true)
      .describe(
        'Whether Nudge has enabled short-lived tokens for the account. At Nudge, a customer has to request this.',
      ),
  }),
  credentials: { apiKey: `${sandboxMarker}-nudge-private-api-key` },
  services: {
    nudge: { title: 'Nudge', sample: 'GET  /api/clients/jwt/token', simulates: 'short-lived tokens (EdDSA)' },
  },
  signingKeys: { nudge: ['EdDSA'] },
  dev: ({ urls, credentials }) => ({ baseUrl: urls.nudge, apiKey: credentials.apiKey }),

  simulate({ clock, keys, credentials }, { tokenMethod, tokensEnabled }) {
    const apiKeys = createCredentialList([credentials.apiKey]);
    let enabled = tokensEnabled;

    async function issueToken(call: Call): Promise<SimulatedResponse> {
      if (!apiKeys.accepts(call.headers['apikey'])) return failure(401);
      if (!enabled) return failure(403);
      const text = call.query.get('expiryMins') ?? '60';
      const minutes = /^\d{1,6}$/.test(text) ? Number(text) : 0;
      if (minutes < 1 || minutes > maxExpiryMinutes) return failure(400);
      const iat = nowSeconds(clock);
      const token = await keys.nudge.sign({ iat, exp: iat + minutes * 60 }, { typ: null, flaw: call.tokenFlaw });
      return jsonResponse(200, { token });
    }

    return {
      services: { nudge: { failure, routes: { [`${tokenMethod} /api/clients/jwt/token`]: issueToken } } },
      controls: {
        setApiKeys: control(credentialsSchema, apiKeys.replace),
        setTokensEnabled: control(z.boolean(), (value) => {
          enabled = value;
        }),
      },
    };
  },
});

const messages: Readonly<Record<number, string>> = {
  400: 'expiryMins must be a positive integer',
  401: 'Invalid API key',
  403: 'Short lived tokens are not enabled for this account',
};

/** Nudge documents no errors: statuses and bodies are guesses. */
function failure(status: number): SimulatedResponse {
  return jsonResponse(status, { statusCode: status, message: messages[status] ?? 'Something went wrong' });
}
