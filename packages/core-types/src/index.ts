export { claimMarkSchema } from './claim-rules.ts';
export { systemClock } from './clock.ts';
export { assertCacheable, assertExposable, Secret } from './credentials.ts';
export { errorTable, ValetKeyError } from './errors.ts';
export { codeOfForeignError, describeForeignError } from './foreign-error.ts';
export { findSimilarName, isFieldName, toFieldPath } from './field-path.ts';
export { issuerSchema } from './issuer.ts';
export { formsOverlap, hasPlaceholder, readTenant, writeTenant } from './issuer-forms.ts';
export { signatureAlgorithms } from './issuer-parts.ts';
export { documentUrlSchema, issuerTextSchema, secureUrlSchema } from './issuer-text.ts';
export { isHostAllowed, isLoopbackOrigin, isSameIdentifier, readClaim } from './foreign-names.ts';
export { isLoopbackHost } from './loopback.ts';
export {
  addressRefused,
  adviseOnNetworkError,
  connectionDropped,
  proxyRefused,
  proxyUnreachable,
} from './network-codes.ts';
export { isSameValue } from './same-value.ts';
export { describeSchemaProblems, listSchemaProblems } from './schema-problems.ts';
export { sandboxMarker, secretSchema, secretSlotsSchema } from './secret-schema.ts';
export { VendorSetupError } from './vendor-setup-error.ts';
export { issueResponseSchema, problemSchema, sessionResponseSchema } from './wire-schemas.ts';

export type { ClaimMark } from './claim-rules.ts';
export type { Clock } from './clock.ts';
export type {
  CacheableToken,
  ClientToken,
  ExposableToken,
  SecretSlots,
  ServerToken,
  TokenBinding,
} from './credentials.ts';
export type { DpopErrorCode, ErrorCode, FailureCause, OAuthErrorCode, ValetKeyErrorOptions } from './errors.ts';
export type { ForeignErrorDescription } from './foreign-error.ts';
export type { Issuer, IssuerOptions, ProviderIssuer } from './issuer.ts';
export type { SignatureAlgorithm } from './issuer-parts.ts';
export type { Principal } from './principal.ts';
export type { SchemaProblem } from './schema-problems.ts';
export type {
  AllowedCall,
  AuthenticateAbility,
  CachePolicy,
  CallOptions,
  ClaimSource,
  EndpointAbility,
  EndpointRequest,
  EndpointResponse,
  ExchangedToken,
  IssueAbility,
  IssuedToken,
  IssueRequest,
  KeyProxyAbility,
  ProxyAbility,
  ProxyRequest,
  ProxyResponse,
  TokenCarrier,
  TokenKey,
  TokenLifetime,
  TokenProxyAbility,
  UsersAbility,
  Vendor,
  VendorDefinition,
  VendorDependencies,
  VendorCall,
  VendorCallEnd,
  VendorCallObserver,
  VendorEvent,
  Verification,
} from './vendor.ts';
export type {
  SampleJson,
  SampleRequest,
  SampleResponse,
  SampleTextPart,
  SampleValue,
  SampleVariable,
  VendorKeyKind,
  VendorSample,
} from './vendor-sample.ts';
export type {
  ConnectionCheck,
  ConnectionExplanation,
  IssueResponse,
  IssueEnvelope,
  Problem,
  SessionResponse,
  SessionVendor,
} from './wire.ts';
