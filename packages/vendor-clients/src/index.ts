export { claimsOfPath, findAllowedCall, isCallAllowed } from './kit/allowed-calls.ts';
export { findBindingProblem, findCallRefusal, type CallRefusal } from './kit/bound-calls.ts';
export { proxyRequestHeaders, proxyResponseHeaders, splitBelow } from './kit/proxy-headers.ts';
export { clientCertificateSchema } from './kit/egress/certificates.ts';
export { egressSchema } from './kit/egress/egress-options.ts';
export { createEgress, openEgress } from './kit/egress/egress.ts';
export { recipes } from './catalog.ts';
export { findRecipe } from './find-recipe.ts';
export { vendors } from './registry.ts';
export type { GrantedToken } from './kit/client-credentials.ts';
export type { VendorClient } from './kit/define-vendor.ts';
export type { ClientDependencies } from './kit/door/door.ts';
export type { ClientCertificate } from './kit/egress/certificates.ts';
export type { EgressOptions, EgressSettings } from './kit/egress/egress-options.ts';
export type { Egress, EgressDependencies, TransportOptions } from './kit/egress/egress.ts';

// vendors:start (written by `pnpm generate`)

export { authgear, createAuthgearClient } from './vendors/authgear/authgear.ts';
export type {
  AuthgearClient,
  AuthgearCredentialHeaders,
  AuthgearOptions,
  AuthgearResolution,
  AuthgearSession,
} from './vendors/authgear/authgear.ts';
export { createNablaClient, nabla } from './vendors/nabla/nabla.ts';
export type { NablaClient, NablaOptions, NablaPatientTokens } from './vendors/nabla/nabla.ts';
export { createNudgeClient, nudge } from './vendors/nudge/nudge.ts';
export type { NudgeClient, NudgeOptions, NudgeToken, NudgeTokenRequest } from './vendors/nudge/nudge.ts';
export { createNymblClient, nymbl } from './vendors/nymbl/nymbl.ts';
export type { NymblClient, NymblOptions } from './vendors/nymbl/nymbl.ts';
export { createVitalClient, vital } from './vendors/vital/vital.ts';
export type { VitalClient, VitalOptions, VitalSignInToken, VitalUser } from './vendors/vital/vital.ts';

// vendors:end
