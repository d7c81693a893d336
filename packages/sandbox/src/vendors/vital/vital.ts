import { randomUUID } from 'node:crypto';
import { sandboxMarker } from '@valetkey/core-types';
import { z } from 'zod';
import { control } from '../../engine/controls.ts';
import { createCredentialList, credentialsSchema } from '../../engine/credential-list.ts';
import { defineSimulation } from '../../engine/simulation.ts';
import { createVitalTokenEndpoint } from './vital-auth.ts';
import { vitalAuthFailure, vitalFailure } from './vital-errors.ts';
import { createVitalGoogleRoutes } from './vital-google.ts';
import { createVitalSessions } from './vital-sessions.ts';
import { createVitalTokens } from './vital-tokens.ts';
import { createVitalUserRoutes } from './vital-user-routes.ts';
import { createVitalUsers, type VitalUser } from './vital-users.ts';

const keyName = `${sandboxMarker}-vital-api-key`;
const userSchema = z.string().min(1);

/** Simulates Vital (now Junction): its users and sign-in tokens, and the host at which an app exchanges such a token for a session. */
export const vital = defineSimulation({
  id: 'vital',
  title: 'Vital',
  options: z.strictObject({
    region: z
      .enum(['us', 'eu'])
      .default('us')
      .describe('The region of the team. Vital accepts only API keys whose prefix names this region.'),
    environment: z
      .enum(['sandbox', 'production'])
      .default('sandbox')
      .describe('The environment of the team. Vital accepts only API keys whose prefix names this environment.'),
    apiKeys: z
      .array(z.string().min(1))
      .min(1)
      .readonly()
      .optional()
      .describe(
        'The API keys that Vital accepts. Absent: the sandbox credential, with the prefix of `region` and `environment`.',
      ),
    maxUsers: z
      .number()
      .int()
      .min(0)
      .optional()
      .describe("The maximum number of users of the team. Absent: no limit. In Vital's own sandbox, it is 50."),
  }),
  credentials: { apiKey: `sk_us_${keyName}` },
  services: {
    vital: { title: 'Vital, API', sample: 'POST /v2/user', simulates: 'users and sign-in tokens' },
    'vital-auth': {
      title: 'Vital, auth host',
      sample: 'POST /v1/token',
      simulates: 'the exchange of a sign-in token, and its refresh',
    },
  },
  signingKeys: { vital: ['RS256'] },
  dev: ({ urls, credentials }) => ({
    baseUrl: urls.vital,
    apiKey: credentials.apiKey,
    environment: 'sandbox',
    region: 'us',
  }),

  simulate({ clock, urlOf, keys: { vital: keys } }, { region, environment, maxUsers = Infinity, ...options }) {
    const keyPrefix = `${environment === 'sandbox' ? 'sk' : 'pk'}_${region}_`;
    const apiKeys = createCredentialList(options.apiKeys ?? [`${keyPrefix}${keyName}`]);
    const acceptsKey = (apiKey: unknown) => String(apiKey).startsWith(keyPrefix) && apiKeys.accepts(apiKey);
    const teamId = randomUUID();
    const users = createVitalUsers(clock);
    const tokens = createVitalTokens(
      { clock, keys, issuer: () => urlOf('vital-auth'), audience: () => urlOf('vital') },
      { id: teamId, region, environment },
    );
    const sessions = createVitalSessions(tokens);
    const googleRoutes = createVitalGoogleRoutes({ clock, users, tokens, sessions });

    return {
      services: {
        vital: {
          failure: vitalFailure,
          routes: createVitalUserRoutes({ clock, users, tokens, teamId, maxUsers, acceptsKey }),
        },
        'vital-auth': {
          failure: vitalAuthFailure,
          routes: { 'POST /v1/token': createVitalTokenEndpoint(users, tokens, sessions), ...googleRoutes },
          // The Firebase SDK expects its emulator at the root.
          rootRoutes: googleRoutes,
        },
      },
      controls: {
        setApiKeys: control(credentialsSchema, apiKeys.replace),
        revokeSessions: control(userSchema, sessions.revoke),
        disableUser: control(userSchema, users.disable),
        enableUser: control(userSchema, users.enable),
      },
      state: {
        users: users.all,
        /** Creates a user directly. Throws a `TypeError` if another user has the client user id. */
        createUser(clientUserId: string): VitalUser {
          const { user, created } = users.create(clientUserId);
          if (!created) throw new TypeError('This client user id exists already.');
          return user;
        },
        /** Deletes a user, as the dashboard does. Returns whether the user existed. */
        deleteUser: users.remove,
      },
    };
  },
});
