export { createValetClient } from './client/client.ts';
export { dpopProofs } from './client/dpop-proofs.ts';
export { ValetError } from './errors/valet-error.ts';
export { authgearAppToken, authgearClearSession } from './vendors/authgear.ts';
export { nablaSessionTokens } from './vendors/nabla.ts';
export { nudgeRefreshToken } from './vendors/nudge.ts';
export { nymblFetch } from './vendors/nymbl.ts';
export { vitalReconcile } from './vendors/vital-reconcile.ts';
export { vitalAuthenticate, vitalSignInToken } from './vendors/vital.ts';

export type { AppTokenRequest, GetAppToken } from './client/app-token.ts';
export type { CallOptions, IssueOptions, IssueParameters, TokenOptions } from './client/call-options.ts';
export type { ValetClient } from './client/client.ts';
export type { CreateDpopProof, DpopRequest } from './client/dpop.ts';
export type { DpopKeyPair } from './client/dpop-proofs.ts';
export type { ValetClock } from './calls/clock.ts';
export type { ValetEvent } from './client/events.ts';
export type { ValetClientOptions } from './client/options.ts';
export type {
  ConnectionName,
  ConnectionOf,
  ConnectionOption,
  OptionsParameter,
  Register,
  SessionResponse,
} from './client/register.ts';
export type { TokenChange, TokenListener } from './client/token-listeners.ts';
export type { BrokerErrorCode, ClientErrorCode, ValetErrorCode, ValetErrorDetails } from './errors/valet-error.ts';
export type { NablaResponse, NudgeResponse, VendorResponses, VitalResponse } from './client/vendor-responses.ts';
export type { AuthgearContainer } from './vendors/authgear.ts';
export type { NablaSessionTokens, NablaSessionTokensOptions } from './vendors/nabla.ts';
export type { NudgeRefreshTokenOptions } from './vendors/nudge.ts';
export type { NymblFetchOptions } from './vendors/nymbl.ts';
export type { VitalCore } from './vendors/vital-device.ts';
export type { VitalApiKeySession, VitalReconcileOptions } from './vendors/vital-options.ts';
export type { VitalReconciliation } from './vendors/vital-reconcile.ts';
export type { VitalAuthenticateRequest, VitalSignInTokenOptions } from './vendors/vital.ts';
export type { ConnectionExplanation, IssueResponse, IssueEnvelope, Problem, SessionVendor } from './client/wire.ts';
