export { isCallAllowed } from './allowed-calls.ts';
export { proxyResponseHeaders } from './proxy-headers.ts';
export { vendors } from './registry.ts';
export { authgear, createAuthgearClient } from './vendors/authgear.ts';
export { createNablaClient, nabla } from './vendors/nabla.ts';
export { createNudgeClient, nudge } from './vendors/nudge.ts';
export { createNymblClient, nymbl } from './vendors/nymbl.ts';
export { createVitalClient, vital } from './vendors/vital.ts';

export type { GrantedToken } from './client-credentials.ts';
export type { ClientEnvironment } from './door/door.ts';
export type {
  AuthgearClient,
  AuthgearCredentialHeaders,
  AuthgearOptions,
  AuthgearResolution,
  AuthgearSession,
} from './vendors/authgear.ts';
export type { NablaClient, NablaOptions, NablaPatientTokens } from './vendors/nabla.ts';
export type { NudgeClient, NudgeOptions, NudgeToken, NudgeTokenRequest } from './vendors/nudge.ts';
export type { NymblClient, NymblOptions } from './vendors/nymbl.ts';
export type { VitalClient, VitalOptions, VitalSignInToken, VitalUser } from './vendors/vital.ts';
