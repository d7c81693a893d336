// What a vendor needs, our own and those of others. It names no vendor.
export { Secret, secretSchema, secretSlotsSchema, ValetKeyError } from '@valetkey/core-types';
export { z } from 'zod';
export { allowedCallSchema, isCallAllowed } from './allowed-calls.ts';
export { rsaPrivateKeySchema, signClientAssertion } from './client-assertion.ts';
export { requestClientCredentialsToken } from './client-credentials.ts';
export { customCredential, fingerprint, secretCredential } from './credentials.ts';
export { defineVendor } from './define-vendor.ts';
export { encodePathSegment, openDoor } from './door/door.ts';
export { readBody } from './door/read-body.ts';
export { invalidResponseError, readJson, refusalError, tokenSchema, tryReadJson } from './door/response.ts';
export { forwardCall, forwardOptions, toProxyResponse } from './forward-call.ts';
export { bearerToken, issueForAccount, issueForUser } from './issue-ability.ts';
export { readJwtPayload, remainingLifeSeconds } from './jwt-payload.ts';
export { baseUrlSchema } from './option-schemas.ts';
export { passResponseHeaders, proxyResponseHeaders } from './proxy-headers.ts';
export { createServiceToken } from './service-token.ts';
export { verifyCredentials } from './verify-credentials.ts';

export type {
  CallOptions,
  Principal,
  ProxyAbility,
  ProxyRequest,
  ProxyResponse,
  SecretSlots,
  ServerToken,
  TokenKey,
  VendorEvent,
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
export type { ClientDependencies, Door, DoorCall, DoorOptions, Operation, StreamCall } from './door/door.ts';
export type { ResponseHeaders, StatusMeaning, StatusMeanings, VendorName, VendorResponse } from './door/response.ts';
export type { StreamedResponse } from './door/stream.ts';
export type { ForwardLimits } from './forward-call.ts';
export type { BindIssueAbility, IssuedToken, IssueDeclaration } from './issue-ability.ts';
export type { ServiceToken } from './service-token.ts';
