export { createValetClient } from './client.ts';
export { dpopProofs } from './dpop-proofs.ts';
export { ValetError } from './valet-error.ts';
export { authgearAppToken, authgearClearSession } from './vendors/authgear.ts';
export { nablaSessionTokens } from './vendors/nabla.ts';
export { nudgeRefreshToken } from './vendors/nudge.ts';
export { nymblFetch } from './vendors/nymbl.ts';
export { vitalReconcile } from './vendors/vital-reconcile.ts';
export { vitalAuthenticate, vitalSignInToken } from './vendors/vital.ts';

export type { AppTokenRequest, GetAppToken } from './app-token.ts';
export type { CallOptions, IssueOptions, IssueParameters, TokenOptions } from './call-options.ts';
export type { ValetClient } from './client.ts';
export type { CreateDpopProof, DpopRequest } from './dpop.ts';
export type { DpopKeyPair } from './dpop-proofs.ts';
export type { ValetClock } from './clock.ts';
export type { ValetEvent } from './events.ts';
export type { ValetClientOptions } from './options.ts';
export type {
  ConnectionName,
  ConnectionOf,
  ConnectionOption,
  OptionsParameter,
  Register,
  SessionResponse,
} from './register.ts';
export type { TokenChange, TokenListener } from './token-listeners.ts';
export type { BrokerErrorCode, ClientErrorCode, ValetErrorCode, ValetErrorDetails } from './valet-error.ts';
export type { NablaResponse, NudgeResponse, VendorResponses, VitalResponse } from './vendors/responses.ts';
export type { AuthgearContainer } from './vendors/authgear.ts';
export type { NablaSessionTokens, NablaSessionTokensOptions } from './vendors/nabla.ts';
export type { NudgeRefreshTokenOptions } from './vendors/nudge.ts';
export type { NymblFetchOptions } from './vendors/nymbl.ts';
export type { VitalCore } from './vendors/vital-device.ts';
export type { VitalApiKeySession, VitalReconcileOptions } from './vendors/vital-options.ts';
export type { VitalReconciliation } from './vendors/vital-reconcile.ts';
export type { VitalAuthenticateRequest, VitalSignInTokenOptions } from './vendors/vital.ts';
export type { ConnectionExplanation, IssueResponse, IssueEnvelope, Problem, SessionVendor } from './wire.ts';
