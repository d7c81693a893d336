export { authgear } from './authgear.ts';
export { readAccessToken, readBearerToken } from './bearer.ts';
export { wwwAuthenticate } from './challenge.ts';
export { createJwtVerifier } from './create-jwt-verifier.ts';

export type { AuthgearOptions } from './authgear.ts';
export type { AccessToken } from './bearer.ts';
export type { ChallengeOptions } from './challenge.ts';
export type { IssuerStatus, JwtVerifier, VerifyContext } from './create-jwt-verifier.ts';
export type { DpopContext } from './dpop.ts';
export type { JwtVerifierEvent } from './events.ts';
export type { ExplainedCheck, Explanation } from './explain.ts';
export type { KeyStatus } from './key-source.ts';
export type { JwtVerifierOptions } from './options.ts';
export type { RefusalReason } from './refusals.ts';
export type { ReplayStore } from './replay-store.ts';
export type { RevocationTarget } from './revocations.ts';
export type { KeyRefusal } from './verification-key.ts';
export type { VerificationStep } from './verify-token.ts';
