import { isObject } from '../checks/is-object.ts';
import { requestTokens, type Refusal } from '../session/token-request.ts';
import type { SessionDetails, SessionTokens, SessionVendor } from '../session/session-types.ts';
import { alreadySignedInError } from '../session/session-errors.ts';
import type { ParsedVitalSessionOptions, VitalPlace } from './vital-session-options.ts';
import type { VitalSignInToken } from './vital-sign-in-token.ts';

/** A sign-in token after it was read, and the user's id in the app. */
export interface VitalTicket extends VitalSignInToken {
  readonly externalUserId?: string | undefined;
}

const vendor = 'vital';

/** Says how a session at Vital begins and is refreshed. Source: the token requests of Vital's SDKs. */
export function vitalSessionVendor({
  connection,
  fetch,
  authUrl,
}: ParsedVitalSessionOptions): SessionVendor<VitalTicket> {
  const urlFor = (place: VitalPlace) => `${authUrl(place)}/v1/token`;
  return {
    name: connection,
    exchange: async ({ userToken, ...ticket }, { signal, details }) => {
      if (details !== undefined && details['userId'] !== ticket.userId) {
        throw alreadySignedInError();
      }
      const body = new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token_type: 'urn:junction:sign-in-token',
        subject_token: userToken,
      });
      const response = await requestTokens({ vendor, url: urlFor(ticket), body }, { fetch, signal });
      // What is left of the ticket has only texts.
      return tokensOf(response, ticket as SessionDetails);
    },
    refresh: async ({ refreshToken, details }, { signal }) => {
      const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken });
      const url = urlFor(placeOf(details));
      return tokensOf(await requestTokens({ vendor, url, body, refusalOf }, { fetch, signal }), details);
    },
  };
}

export function placeOf({ environment = '', region = '' }: SessionDetails): VitalPlace {
  return { environment, region };
}

/** The engine checks the types of the fields. */
function tokensOf(response: Record<string, unknown>, details: SessionDetails): SessionTokens {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: expiresInSeconds } = response;
  return { accessToken, refreshToken, expiresInSeconds, details } as SessionTokens;
}

/** Vital does not state the HTTP status of these refusals, and its SDKs accept any 4xx. */
function refusalOf(_status: number, body: unknown): Refusal | undefined {
  const detail = isObject(body) ? body['detail'] : undefined;
  const type = isObject(detail) ? detail['error_type'] : undefined;
  if (type === 'invalid_token') return 'signed_out';
  return type === 'reauthentication_required' ? type : undefined;
}
