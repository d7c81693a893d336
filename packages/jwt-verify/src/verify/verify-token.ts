import type { Clock, Issuer, Principal, SignatureAlgorithm } from '@valetkey/core-types';
import { neverRenewed, type KeySource } from '../keys/key-source.ts';
import type { OpaqueTokens } from '../opaque/opaque-tokens.ts';
import { createPrincipal } from './principal.ts';
import { refuse } from '../token/refusals.ts';
import type { Revocations } from '../revocation/revocations.ts';
import { verifySignature } from '../keys/signature.ts';
import { hasCompactForm, splitToken } from '../token/token-text.ts';
import type { JsonObject } from '../token/strict-json.ts';
import { checkAudience, checkClient, checkDates, readBinding, readSubject, readTokenClaims } from './token-claims.ts';
import { readTokenHeader, type TokenHeader } from '../token/token-header.ts';
import { checkTokenType } from './token-type.ts';
import type { VerificationKey } from '../keys/verification-key.ts';
import type { VerifiedToken } from './verified-tokens.ts';

/** The steps of verification, in their order. `proof` is the caller's own, after all others. */
export const verificationSteps = [
  'size',
  'form',
  'header',
  'claims',
  'issuer',
  'algorithm',
  'type',
  'dates',
  'audience',
  'client',
  'subject',
  'binding',
  'key',
  'signature',
  'revocation',
] as const;

/** The steps for a token that is not a JWT. */
export const lookUpSteps = [
  'size',
  'form',
  'look-up',
  'issuer',
  'dates',
  'audience',
  'client',
  'subject',
  'binding',
  'revocation',
] as const;

export type VerificationStep = (typeof verificationSteps)[number] | (typeof lookUpSteps)[number];

/** Told of each step as it begins. */
export type Trace = (step: VerificationStep, issuer?: Issuer) => void;

/** One issuer and what belongs to it. */
export interface IssuerRecord {
  readonly issuer: Issuer;
  readonly keySource: KeySource;
}

/** What verification works with. */
export interface VerificationEnvironment {
  readonly issuers: ReadonlyMap<string, IssuerRecord>;
  readonly opaqueTokens: OpaqueTokens | undefined;
  readonly clock: Clock;
  readonly maxTokenLength: number;
  readonly cacheSeconds: number;
  readonly revocations: Revocations;
}

const opaqueForm = /^[\w.~+/-]+=*$/;
const maximumKnownHeaders = 256;

function isOneOf(algorithms: readonly SignatureAlgorithm[], name: string): name is SignatureAlgorithm {
  return (algorithms as readonly string[]).includes(name);
}

function refuseIssuer(accepted: readonly string[]): Error {
  return refuse(
    'unknown_issuer',
    `The token is not from an identity provider accepted here: its iss must be ${accepted.join(' or ')}.`,
    'Send a token of such a provider, or add its issuer, written exactly as in iss (mind a slash at the end).',
  );
}

/** What vouches for an opaque token: its provider, asked a moment ago. No key can be withdrawn from under it. */
const providersWord = { key: { trustedUntilMs: Infinity }, keySource: neverRenewed };

/** Makes the function that takes a token through every step, and throws at the first that fails. */
export function createTokenVerification(
  environment: VerificationEnvironment,
): (token: string, trace?: Trace) => Promise<VerifiedToken> {
  const { issuers, opaqueTokens, clock, maxTokenLength, cacheSeconds, revocations } = environment;
  // Tokens of one key share their header. Only headers of verified tokens are kept, so that forgeries cannot fill it.
  const knownHeaders = new Map<string, TokenHeader>();

  const nowSeconds = (): number => Math.floor(clock.nowMs() / 1000);

  const findIssuer = ({ iss }: JsonObject): IssuerRecord => {
    const record = typeof iss === 'string' ? issuers.get(iss) : undefined;
    if (record !== undefined) return record;
    throw refuseIssuer([...issuers.keys()]);
  };

  const refuseRevoked = (principal: Principal, token: string): void => {
    if (!revocations.matches(principal, token)) return;
    throw refuse('revoked', 'The token was revoked.', 'Sign in again for a fresh token.');
  };

  const verifyJwt = async (token: string, trace?: Trace): Promise<VerifiedToken> => {
    const segments = splitToken(token);
    trace?.('header');
    const header = knownHeaders.get(segments.header) ?? readTokenHeader(segments.header);
    trace?.('claims');
    const claims = readTokenClaims(segments.claims);
    trace?.('issuer');
    const { issuer, keySource } = findIssuer(claims);
    trace?.('algorithm', issuer);
    const { algorithm, keyId } = header;
    if (!isOneOf(issuer.algorithms, algorithm)) {
      throw refuse(
        'algorithm_not_allowed',
        `The token is signed with an algorithm not allowed for its issuer: ${issuer.algorithms.join(', ')}.`,
        "Have the identity provider sign with one of these, or add its algorithm to the issuer's algorithms.",
      );
    }
    trace?.('type', issuer);
    checkTokenType(issuer, header, claims);
    trace?.('dates', issuer);
    const expiresAtSeconds = checkDates(issuer, claims, nowSeconds());
    trace?.('audience', issuer);
    checkAudience(issuer, claims);
    trace?.('client', issuer);
    checkClient(issuer, claims);
    trace?.('subject', issuer);
    const subject = readSubject(claims);
    trace?.('binding', issuer);
    const binding = readBinding(issuer, claims);
    trace?.('key', issuer);
    const found = keySource.find(algorithm, keyId);
    const keys = found instanceof Promise ? await found : found;
    if (keys.length === 0) {
      throw refuse(
        'unknown_key',
        'The token is signed with a key that its issuer does not publish.',
        "Get a fresh token. If it fails again, compare the kid of the token's header with the provider's JWKS.",
      );
    }
    trace?.('signature', issuer);
    const data = Buffer.from(segments.signingInput, 'latin1');
    const signature = Buffer.from(segments.signature, 'base64url');
    let key: VerificationKey | undefined;
    for (const candidate of keys) {
      if (await verifySignature(algorithm, candidate.keyObject, signature, data)) {
        key = candidate;
        break;
      }
    }
    if (key === undefined) {
      throw refuse(
        'wrong_signature',
        "The token's signature does not fit its issuer's key.",
        'Send the token unchanged. If it is, it was not made by this identity provider.',
      );
    }
    if (knownHeaders.size >= maximumKnownHeaders) knownHeaders.clear();
    knownHeaders.set(segments.header, header);
    const principal = createPrincipal(issuer.issuer, subject, claims, expiresAtSeconds);
    trace?.('revocation', issuer);
    refuseRevoked(principal, token);
    const reusableUntilMs = clock.monotonicMs() + cacheSeconds * 1000;
    const expiresAtMs = expiresAtSeconds * 1000;
    return { principal, answer: undefined, binding, expiresAtMs, reusableUntilMs, key, keySource };
  };

  const lookUp = async (
    token: string,
    { issuer, lookUp: ask, cacheSeconds: answerSeconds }: OpaqueTokens,
    trace?: Trace,
  ): Promise<VerifiedToken> => {
    trace?.('look-up', issuer);
    const claims = await ask(token);
    trace?.('issuer', issuer);
    if (Object.hasOwn(claims, 'iss') && claims['iss'] !== issuer.issuer) throw refuseIssuer([issuer.issuer]);
    trace?.('dates', issuer);
    const expiresAtSeconds = Object.hasOwn(claims, 'exp') ? checkDates(issuer, claims, nowSeconds()) : undefined;
    trace?.('audience', issuer);
    // A resolver belongs to one project and names no audience.
    if (issuer.resolver === undefined) checkAudience(issuer, claims);
    trace?.('client', issuer);
    checkClient(issuer, claims);
    trace?.('subject', issuer);
    const subject = readSubject(claims);
    trace?.('binding', issuer);
    const binding = readBinding(issuer, claims);
    const principal = createPrincipal(issuer.issuer, subject, claims, expiresAtSeconds);
    trace?.('revocation', issuer);
    refuseRevoked(principal, token);
    const expiresAtMs = (expiresAtSeconds ?? Infinity) * 1000;
    const reusableUntilMs = clock.monotonicMs() + Math.min(cacheSeconds, answerSeconds) * 1000;
    return { principal, answer: undefined, binding, expiresAtMs, reusableUntilMs, ...providersWord };
  };

  return (token, trace) => {
    trace?.('size');
    if (typeof token !== 'string' || token.length > maxTokenLength) {
      throw refuse(
        'token_too_large',
        `The token is longer than ${maxTokenLength} characters.`,
        'Ask the identity provider for a token with fewer claims (group lists are the usual cause).',
      );
    }
    trace?.('form');
    if (opaqueTokens !== undefined && !hasCompactForm(token) && opaqueForm.test(token)) {
      return lookUp(token, opaqueTokens, trace);
    }
    return verifyJwt(token, trace);
  };
}
