// The kit: everything that a vendor needs, and nothing about a particular vendor. Each export has its docstring where it is
// defined. The README's section "Write your own vendor" shows them together.

// The definition of a vendor.
export { defineVendor } from './define-vendor.ts';
export { bearerToken, issueForAccount, issueForUser } from './issue-ability.ts';
export { customCredential, secretCredential } from './credentials.ts';

// Schemas of options.
export { secretSchema, secretSlotsSchema } from '@valetkey/core-types';
export { z } from 'zod';
export { allowedCallSchema, claimsOfPath, findAllowedCall, isCallAllowed } from './allowed-calls.ts';
export { findBindingProblem, findCallRefusal, type CallRefusal } from './bound-calls.ts';
export { rsaPrivateKeySchema } from './private-key.ts';
export { baseUrlSchema } from './option-schemas.ts';

// Calls and their responses.
export { encodePathSegment } from './door/door.ts';
export { refusalError } from './door/refusal.ts';
export { invalidResponseError, readJson, tokenSchema, tryReadJson } from './door/response.ts';
export { readJwtPayload, remainingLifeSeconds } from './jwt-payload.ts';
export { readLifetimeSeconds, remainingSeconds } from './lifetime.ts';
export { verifyCredentials } from './verify-credentials.ts';
export { isSameIdentifier, Secret, ValetKeyError } from '@valetkey/core-types';

// OAuth client credentials.
export { signClientAssertion } from './client-assertion.ts';
export { requestClientCredentialsToken } from './client-credentials.ts';
export { createAccessTokenKeeper } from './access-token-keeper.ts';

// Proxied vendors.
export { readBody } from './door/read-body.ts';
export { forwardCall, forwardOptions, toProxyResponse } from './forward-call.ts';
export { passResponseHeaders } from './proxy-headers.ts';

export type {
  CallOptions,
  Clock,
  IssueAbility,
  IssuedToken,
  KeyProxyAbility,
  Principal,
  ProxyAbility,
  ProxyRequest,
  ProxyResponse,
  SecretSlots,
  ServerToken,
  TokenKey,
  TokenProxyAbility,
  Vendor,
  VendorDefinition,
  VendorEvent,
  Verification,
} from '@valetkey/core-types';
export type { ClientAssertion } from './client-assertion.ts';
export type { ClientCredentialsRequest, GrantedToken } from './client-credentials.ts';
export type { Credential, CredentialDeclaration, UseOptions } from './credentials.ts';
export type {
  ConnectContext,
  DefinedVendor,
  OptionsSchema,
  VendorAbilities,
  VendorClient,
  VendorContext,
  VendorDeclaration,
  WithoutClose,
} from './define-vendor.ts';
export type { ClientDependencies, Door, DoorCall, Operation, StreamCall } from './door/door.ts';
export type { StatusMeaning, StatusMeanings } from './door/refusal.ts';
export type { ResponseHeaders, VendorName, VendorResponse } from './door/response.ts';
export type { StreamedResponse } from './door/stream.ts';
export type { ForwardLimits } from './forward-call.ts';
export type { IssueDeclaration } from './issue-ability.ts';
export type { AccessTokenKeeper } from './access-token-keeper.ts';
