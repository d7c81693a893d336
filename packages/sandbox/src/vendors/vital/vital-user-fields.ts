import { parseJsonObject, type SimulatedResponse } from '../../engine/responses.ts';
import { validationError } from './vital-errors.ts';
import type { VitalUser } from './vital-users.ts';

type Fields = Readonly<Record<string, unknown>>;

const textFields = ['client_user_id', 'fallback_time_zone', 'fallback_birth_date', 'ingestion_start', 'ingestion_end'];

/** Parses the body of a request that creates a user. Returns its fields, or the refusal to send. */
export function parseNewUser(
  body: string,
): { readonly clientUserId: string; readonly fields: Fields } | SimulatedResponse {
  const fields = parseJsonObject(body);
  if (fields === undefined) return notAnObject;
  const { client_user_id: clientUserId } = fields;
  if (clientUserId === undefined) return validationError(['body', 'client_user_id'], 'Field required', 'missing');
  if (typeof clientUserId !== 'string') return notText('client_user_id');
  return findWrongType(fields) ?? { clientUserId, fields };
}

/** Parses the body of a request that changes a user. Returns its fields, or the refusal to send. */
export function parseUserChanges(
  body: string,
): { readonly clientUserId: string | undefined; readonly fields: Fields } | SimulatedResponse {
  const fields = parseJsonObject(body);
  if (fields === undefined) return notAnObject;
  const { client_user_id: clientUserId } = fields;
  const changed = typeof clientUserId === 'string' ? clientUserId : undefined;
  return findWrongType(fields) ?? { clientUserId: changed, fields };
}

/** Converts the settings in a request into the form in which Vital returns them. */
export function toSettings(fields: Fields, nowMs: number): VitalUser['settings'] {
  const given = { source_slug: 'manual', updated_at: new Date(nowMs).toISOString() };
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
}

const notAnObject = validationError(['body'], 'Input should be a valid dictionary', 'dict_type');

function notText(field: string): SimulatedResponse {
  return validationError(['body', field], 'Input should be a valid string', 'string_type');
}

/** Returns the refusal of the first field that is neither text nor null nor absent. */
function findWrongType(fields: Fields): SimulatedResponse | undefined {
  const wrong = textFields.find((name) => !['string', 'undefined'].includes(typeof (fields[name] ?? undefined)));
  return wrong === undefined ? undefined : notText(wrong);
}
