import type { Clock } from '@valetkey/core-types';
import { bearerToken, jsonResponse, type Call, type Routes, type SimulatedResponse } from '../../engine/responses.ts';
import { invalidRequest, validationError, vitalFailure } from './vital-errors.ts';
import type { VitalTokens } from './vital-tokens.ts';
import { parseNewUser, parseUserChanges, toSettings } from './vital-user-fields.ts';
import { shownUser, shownUserId, type VitalUser, type VitalUsers } from './vital-users.ts';

export interface VitalUserRouteDependencies {
  readonly clock: Clock;
  readonly users: VitalUsers;
  readonly tokens: VitalTokens;
  readonly teamId: string;
  /** The maximum number of users of the team. `Infinity` means no limit. */
  readonly maxUsers: number;
  readonly acceptsKey: (apiKey: unknown) => boolean;
}

type Handler = (call: Call, dependencies: VitalUserRouteDependencies) => SimulatedResponse | Promise<SimulatedResponse>;
type UserHandler = (
  user: VitalUser,
  call: Call,
  dependencies: VitalUserRouteDependencies,
) => SimulatedResponse | Promise<SimulatedResponse>;

/** Simulates Vital's users and their sign-in tokens. */
export function createVitalUserRoutes(dependencies: VitalUserRouteDependencies): Routes {
  const withKey = (handle: Handler) => (call: Call) =>
    dependencies.acceptsKey(call.headers['x-vital-api-key']) ? handle(call, dependencies) : vitalFailure(401);

  /** A team reads every user with its API key. A signed-in app reads its own user with the user's access token. */
  async function getUser(call: Call): Promise<SimulatedResponse> {
    const token = bearerToken(call);
    if (token === undefined) return withKey(withUser(readUser))(call);
    const userId = await dependencies.tokens.verifyAccessToken(token);
    const isOwn = userId !== undefined && userId === call.parameters['user_id'];
    return isOwn ? withUser(readUser)(call, dependencies) : vitalFailure(401);
  }

  return {
    'POST /v2/user': withKey(createUser),
    'GET /v2/user/resolve/{client_user_id}': withKey(resolveUser),
    'POST /v2/user/{user_id}/sign_in_token': withKey(withUser(issueSignInToken)),
    'GET /v2/user/{user_id}': getUser,
    'DELETE /v2/user/{user_id}': withKey(withUser(deleteUser)),
    'PATCH /v2/user/{user_id}': withKey(withUser(patchUser)),
    'POST /v2/user/undo_delete': withKey(undoDelete),
  };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Returns a handler that finds the user in the path. */
function withUser(handle: UserHandler): Handler {
  return (call, dependencies) => {
    const userId = call.parameters['user_id'] ?? '';
    if (!uuid.test(userId)) return validationError(['path', 'user_id'], 'Input should be a valid UUID', 'uuid_parsing');
    const user = dependencies.users.find(userId);
    return user === undefined ? vitalFailure(404) : handle(user, call, dependencies);
  };
}

function createUser(call: Call, { clock, users, teamId, maxUsers }: VitalUserRouteDependencies): SimulatedResponse {
  const body = parseNewUser(call.body);
  if ('status' in body) return body;
  if (users.findByClientUserId(body.clientUserId) === undefined && users.all().length >= maxUsers) {
    return invalidRequest('The team has reached its number of users.');
  }
  const { user, created } = users.create(body.clientUserId, toSettings(body.fields, clock.nowMs()));
  const shown = shownUser(user, call);
  return created ? jsonResponse(200, toWire(shown, teamId)) : conflict(shown);
}

function patchUser(user: VitalUser, call: Call, { clock, users }: VitalUserRouteDependencies): SimulatedResponse {
  const body = parseUserChanges(call.body);
  if ('status' in body) return body;
  const settings = toSettings(body.fields, clock.nowMs());
  const owner = users.update(user, {
    settings,
    ...(body.clientUserId !== undefined && { clientUserId: body.clientUserId }),
  });
  return owner === undefined ? { status: 204 } : conflict(shownUser(owner, call));
}

function resolveUser(call: Call, { users, teamId }: VitalUserRouteDependencies): SimulatedResponse {
  const user = users.findByClientUserId(call.parameters['client_user_id'] ?? '');
  return user === undefined ? vitalFailure(404) : jsonResponse(200, toWire(shownUser(user, call), teamId));
}

function readUser(user: VitalUser, call: Call, { teamId }: VitalUserRouteDependencies): SimulatedResponse {
  return jsonResponse(200, toWire(shownUser(user, call), teamId));
}

async function issueSignInToken(
  user: VitalUser,
  call: Call,
  { tokens }: VitalUserRouteDependencies,
): Promise<SimulatedResponse> {
  const userId = shownUserId(user.userId, call);
  return jsonResponse(200, { user_id: userId, sign_in_token: await tokens.signInToken(userId, call.tokenFlaw) });
}

function deleteUser({ userId }: VitalUser, _call: Call, { users }: VitalUserRouteDependencies): SimulatedResponse {
  return users.remove(userId) ? jsonResponse(200, { success: true }) : vitalFailure(404);
}

function undoDelete(call: Call, { users }: VitalUserRouteDependencies): SimulatedResponse {
  const userId = call.query.get('user_id');
  const clientUserId = call.query.get('client_user_id');
  if ((userId === null) === (clientUserId === null)) {
    return validationError(['query'], 'Give one of user_id and client_user_id', 'value_error');
  }
  const undone = users.undoDelete((user) => user.userId === userId || user.clientUserId === clientUserId);
  return undone ? jsonResponse(200, { success: true }) : vitalFailure(404);
}

function toWire(user: VitalUser, teamId: string) {
  return {
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
  };
}

function conflict(owner: VitalUser): SimulatedResponse {
  return invalidRequest('Client user id already exists.', { user_id: owner.userId, created_on: owner.createdOn });
}
