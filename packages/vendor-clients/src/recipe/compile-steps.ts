import { constants, createHash, createHmac, sign, type KeyObject } from 'node:crypto';
import { ValetKeyError } from '@valetkey/core-types';
import { SignJWT, type JWTPayload } from 'jose';
import type { Operation } from '../kit/door/door.ts';
import { invalidResponseError, type VendorResponse } from '../kit/door/response.ts';
import { writeAgoraToken, type AgoraTokenContent } from './agora-token.ts';
import { compileRequest, type RequestSettings } from './compile-request.ts';
import { toText } from './filters.ts';
import type { RecipeCodec, RecipeJwt, RecipeSign, RecipeStep } from './step-schema.ts';
import { compileValue, parseTemplate, type Values, type ValueTemplate } from './template.ts';

/** One mint under way. */
export interface Mint {
  /** What templates read. Each step adds its result. */
  readonly values: Record<string, unknown>;
  /** The keys for signing, by the name of the secret. */
  readonly keys: Readonly<Record<string, KeyObject>>;
  /** Begins the operation at the first request. */
  readonly operation: () => Operation;
  /** Is called when a request has succeeded that may not be sent twice. */
  readonly onEffect: () => void;
  /** The response of the last request. */
  response?: VendorResponse | undefined;
}

type Run = (mint: Mint) => Promise<void> | void;

/** Compiles the steps of a recipe to functions that run one after the other. */
export function compileSteps(steps: readonly RecipeStep[], settings: RequestSettings): readonly Run[] {
  return steps.map((step) => {
    if ('set' in step) return compileSet(step.set);
    if ('jwt' in step) return compileJwt(step.as, step.jwt);
    if ('sign' in step) return compileSign(step.as, step.sign);
    if ('codec' in step) return compileCodec(step.as, step.codec);
    const send = compileRequest(step.http, settings);
    return async (mint) => {
      const { response, body } = await send(mint.values, mint.operation());
      mint.values[step.as] = body;
      mint.response = response;
      if (!step.http.repeatable) mint.onEffect();
    };
  });
}

function compileSet(set: Readonly<Record<string, unknown>>): Run {
  const fields = Object.entries(set).map(([name, value]) => [name, compileValue(value as ValueTemplate)] as const);
  return ({ values }) => {
    for (const [name, valueOf] of fields) values[name] = valueOf(values);
  };
}

function compileJwt(as: string, { header, claims, key }: RecipeJwt): Run {
  const headerOf = compileValue(header as ValueTemplate);
  const claimsOf = compileValue(claims as ValueTemplate);
  const secret = nameOfSecret(key);
  return async ({ values, keys }) => {
    const jwt = new SignJWT(claimsOf(values) as JWTPayload).setProtectedHeader(headerOf(values) as { alg: string });
    values[as] = await jwt.sign(keyOf(keys, secret));
  };
}

function compileSign(as: string, { hmac, digest, signature, key = '', message, encoding }: RecipeSign): Run {
  const messageOf = compileValue(message);
  const secret = nameOfSecret(key);
  const compute = (text: string, keys: Values): Buffer => {
    if (signature !== undefined) return signText(signature, text, keyOf(keys, secret));
    if (hmac !== undefined) return createHmac(hmac, keyOf(keys, secret)).update(text).digest();
    return createHash(digest ?? 'sha256')
      .update(text)
      .digest();
  };
  return (mint) => {
    mint.values[as] = compute(needText(messageOf(mint.values), mint), mint.keys).toString(encoding);
  };
}

/** Signs as the algorithm of this name does (RFC 7518 section 3, RFC 8037): an ECDSA signature is R and S, without ASN.1. */
function signText(algorithm: string, text: string, key: KeyObject): Buffer {
  const digest = algorithm === 'EdDSA' ? null : `sha${algorithm.slice(2)}`;
  const padding = algorithm.startsWith('PS') && {
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  };
  return sign(digest, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363', ...padding });
}

function compileCodec(as: string, { codec: _codec, privileges, ...texts }: RecipeCodec): Run {
  const fields = Object.entries(texts).map(([name, text]) => [name, compileValue(text)] as const);
  return (mint) => {
    const { values } = mint;
    const read = fields.map(([name, textOf]) => [name, needText(textOf(values), mint)] as const);
    const content = Object.fromEntries(read) as Pick<AgoraTokenContent, 'appId' | 'certificate' | 'channel' | 'user'>;
    const salt = (Number.parseInt(String(values['uuid']).slice(0, 8), 16) % 99_999_999) + 1;
    const times = { issuedAtSeconds: values['now'] as number, lifeSeconds: values['life'] as number };
    values[as] = writeAgoraToken({ ...content, ...times, privileges, salt });
  };
}

/** Returns a text that a token needs. Without it, the token would say less than its recipe, or the same for everyone. */
function needText(value: unknown, { response }: Mint): string {
  if (value !== undefined) return toText(value);
  if (response !== undefined) throw invalidResponseError(response.vendor, 'field:signed');
  throw new ValetKeyError('invalid_request', 'A parameter that this token needs is absent.', {
    reason: 'absent_parameter',
    remediation: 'Send every parameter of the connection.',
  });
}

/** Returns the name of the secret that a key names. `checkRecipe` accepts only a secret, without a filter. */
export function nameOfSecret(key: string): string {
  const [part] = parseTemplate(key);
  return typeof part === 'object' ? (part.path[1] ?? '') : '';
}

function keyOf(keys: Values, name: string): KeyObject {
  return keys[name] as KeyObject;
}
