import { randomUUID } from 'node:crypto';
import { sandboxMarker, type Clock } from '@valetkey/core-types';
import { bearerToken, json, parseJsonObject, type Answer, type Call } from './answer.ts';
import type { SigningKeys } from './keys.ts';
import type { Simulation, SimulationEnvironment } from './simulation.ts';
import { createVitalTokens, type VitalEnvironment, type VitalRegion } from './vital-tokens.ts';
import { createVitalAuth } from './vital-auth.ts';
import { invalidRequest, validationError, vitalFailure } from './vital-errors.ts';
import { createVitalUsers, aboutWhom, somebodyElse, type VitalUser } from './vital-users.ts';

/** How the simulated Vital differs from its default. */
export interface VitalOptions {
  /** Default: `us`. Only API keys whose prefix says the same are taken. */
  readonly region?: VitalRegion | undefined;
  /** Default: `sandbox`. */
  readonly environment?: VitalEnvironment | undefined;
  /** Default: the one of the sandbox credentials, with the prefix of the region and the environment. */
  readonly apiKeys?: readonly string[] | undefined;
  /** Most users a team may have; 50 in Vital's own sandbox. Default: no bound. */
  readonly maxUsers?: number | undefined;
}

/** What tests may do to the simulated Vital. */
export interface VitalState {
  /** The API keys that are taken from now on. */
  readonly setApiKeys: (keys: readonly string[]) => void;
  readonly users: () => readonly VitalUser[];
  /** Creates a user behind everyone's back. Throws if the name is taken. */
  readonly createUser: (clientUserId: string) => VitalUser;
  /** Deletes a user as somebody at the dashboard would; `false` if there is none. */
  readonly deleteUser: (userId: string) => boolean;
  /** Makes every sign-in of this user need a new sign-in token. */
  readonly revokeSessions: (userId: string) => void;
  /** A disabled user can neither sign in nor stay signed in. */
  readonly disableUser: (userId: string) => void;
  readonly enableUser: (userId: string) => void;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Simulates Vital (now Junction): its users and sign-in tokens, and the host that turns those into sessions. */
export const createVital = (
  environment: SimulationEnvironment,
  options: VitalOptions = {},
): { simulations: readonly Simulation[]; state: VitalState; keys: SigningKeys } => {
  const { clock } = environment;
  const { region = 'us', environment: stage = 'sandbox', maxUsers } = options;
  const keyPrefix = `${stage === 'sandbox' ? 'sk' : 'pk'}_${region}_`;
  let apiKeys: readonly string[] = options.apiKeys ?? [`${keyPrefix}${sandboxMarker}-vital-api-key`];
  const teamId = randomUUID();
  const users = createVitalUsers(environment);
  const tokens = createVitalTokens(environment, { region, stage, teamId });
  const auth = createVitalAuth(environment, users, tokens);

  const toWire = (user: VitalUser) => ({
    user_id: user.userId,
    team_id: teamId,
    client_user_id: user.clientUserId,
    created_on: user.createdOn,
    connected_sources: [],
    fallback_time_zone: null,
    fallback_birth_date: null,
    ingestion_start: null,
    ingestion_end: null,
    ...user.settings,
  });

  const withKey =
    (handle: (call: Call) => Answer | Promise<Answer>) =>
    (call: Call): Answer | Promise<Answer> => {
      const apiKey = call.headers['x-vital-api-key'];
      const accepted = typeof apiKey === 'string' && apiKey.startsWith(keyPrefix) && apiKeys.includes(apiKey);
      return accepted ? handle(call) : vitalFailure(401);
    };

  /** Finds the user that the path names, and hands it on. */
  const withUser = (handle: (user: VitalUser, call: Call) => Answer | Promise<Answer>) => (call: Call) => {
    const userId = call.parameters['user_id'] ?? '';
    if (!uuid.test(userId)) return validationError(['path', 'user_id'], 'Input should be a valid UUID', 'uuid_parsing');
    const user = users.find(userId);
    if (user === undefined) return vitalFailure(404);
    return handle(user, call);
  };

  const createUser = (call: Call): Answer => {
    const fields = parseJsonObject(call.body);
    if (fields === undefined) return validationError(['body'], 'Input should be a valid dictionary', 'dict_type');
    const { client_user_id: clientUserId } = fields;
    if (clientUserId === undefined) return validationError(['body', 'client_user_id'], 'Field required', 'missing');
    if (typeof clientUserId !== 'string') {
      return validationError(['body', 'client_user_id'], 'Input should be a valid string', 'string_type');
    }
    const wrongType = findWrongType(fields);
    if (wrongType !== undefined) return wrongType;
    if (
      maxUsers !== undefined &&
      users.findByClientUserId(clientUserId) === undefined &&
      users.all().length >= maxUsers
    ) {
      return invalidRequest('The team has reached its number of users.');
    }
    const { user, created } = users.create(clientUserId, readSettings(fields, clock));
    return created ? json(200, toWire(shown(user, call))) : conflict(shown(user, call));
  };

  const patchUser = (user: VitalUser, call: Call): Answer => {
    const fields = parseJsonObject(call.body);
    if (fields === undefined) return validationError(['body'], 'Input should be a valid dictionary', 'dict_type');
    const wrongType = findWrongType(fields);
    if (wrongType !== undefined) return wrongType;
    const { client_user_id: clientUserId } = fields;
    const owner = users.update(user, {
      settings: readSettings(fields, clock),
      ...(typeof clientUserId === 'string' && { clientUserId }),
    });
    return owner === undefined ? { status: 204 } : conflict(shown(owner, call));
  };

  const resolveUser = (call: Call): Answer => {
    const user = users.findByClientUserId(call.parameters['client_user_id'] ?? '');
    if (user === undefined) return vitalFailure(404);
    return json(200, toWire(shown(user, call)));
  };

  const issueSignInToken = async (user: VitalUser, call: Call) => {
    const userId = aboutWhom(user.userId, call);
    return json(200, { user_id: userId, sign_in_token: await tokens.signInToken(userId, call.tokenFlaw) });
  };

  /** A team may read with its key, a signed-in app with its own user's token. */
  const getUser = async (call: Call): Promise<Answer> => {
    const token = bearerToken(call);
    const read = withUser((user) => json(200, toWire(shown(user, call))));
    if (token === undefined) return withKey(read)(call);
    const userId = await tokens.verifyAccessToken(token);
    return userId !== undefined && userId === call.parameters['user_id'] ? read(call) : vitalFailure(401);
  };

  const undoDelete = (call: Call): Answer => {
    const userId = call.query.get('user_id');
    const clientUserId = call.query.get('client_user_id');
    if ((userId === null) === (clientUserId === null)) {
      return validationError(['query'], 'Give one of user_id and client_user_id', 'value_error');
    }
    const undone = users.undoDelete((user) => user.userId === userId || user.clientUserId === clientUserId);
    return undone ? json(200, { success: true }) : vitalFailure(404);
  };

  return {
    keys: tokens.keys,
    simulations: [
      {
        vendor: 'vital',
        failure: vitalFailure,
        routes: {
          'POST /v2/user': withKey(createUser),
          'GET /v2/user/resolve/{client_user_id}': withKey(resolveUser),
          'POST /v2/user/{user_id}/sign_in_token': withKey(withUser(issueSignInToken)),
          'GET /v2/user/{user_id}': getUser,
          'DELETE /v2/user/{user_id}': withKey(
            withUser((user) => (users.delete(user.userId) ? json(200, { success: true }) : vitalFailure(404))),
          ),
          'PATCH /v2/user/{user_id}': withKey(withUser(patchUser)),
          'POST /v2/user/undo_delete': withKey(undoDelete),
        },
      },
      auth.simulation,
    ],
    state: {
      setApiKeys: (keys) => {
        apiKeys = [...keys];
      },
      users: users.all,
      createUser: (clientUserId) => {
        const { user, created } = users.create(clientUserId);
        if (!created) throw new TypeError('This client user id exists already.');
        return user;
      },
      deleteUser: users.delete,
      revokeSessions: auth.revokeSessions,
      disableUser: users.disable,
      enableUser: users.enable,
    },
  };
};

/** Whom an answer shows. */
const shown = (user: VitalUser, call: Call): VitalUser => (call.wrongUser ? somebodyElse : user);

const textFields = ['client_user_id', 'fallback_time_zone', 'fallback_birth_date', 'ingestion_start', 'ingestion_end'];

/** What is wrong with the fields of a user, if one of them is neither text nor null. */
const findWrongType = (fields: Readonly<Record<string, unknown>>): Answer | undefined => {
  const wrong = textFields.find((name) => !['string', 'undefined'].includes(typeof (fields[name] ?? undefined)));
  return wrong === undefined
    ? undefined
    : validationError(['body', wrong], 'Input should be a valid string', 'string_type');
};

/** Reads the settings as they are sent, into the form in which they are shown. */
const readSettings = (fields: Readonly<Record<string, unknown>>, clock: Clock): VitalUser['settings'] => {
  const given = { source_slug: 'manual', updated_at: new Date(clock.nowMs()).toISOString() };
  const settings: Record<string, unknown> = {};
  if (typeof fields['fallback_time_zone'] === 'string') {
    settings['fallback_time_zone'] = { id: fields['fallback_time_zone'], ...given };
  }
  if (typeof fields['fallback_birth_date'] === 'string') {
    settings['fallback_birth_date'] = { value: fields['fallback_birth_date'], ...given };
  }
  for (const name of ['ingestion_start', 'ingestion_end']) {
    if (typeof fields[name] === 'string') settings[name] = fields[name];
  }
  return settings;
};

const conflict = (owner: VitalUser): Answer =>
  invalidRequest('Client user id already exists.', { user_id: owner.userId, created_on: owner.createdOn });
