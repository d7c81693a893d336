import { createPrivateKey, createSecretKey, type KeyObject } from 'node:crypto';
import { secretSlotsSchema, type Secret, type SecretSlots } from '@valetkey/core-types';
import { z } from 'zod';
import { customCredential, secretCredential, type Credential, type CredentialDeclaration } from '../kit/credentials.ts';
import { normalizePem, rsaPrivateKeySchema } from '../kit/private-key.ts';
import { isPrivateKeyType, type PrivateKeyType } from './field-schemas.ts';
import type { Recipe } from './recipe-schema.ts';

type SecretField = Recipe['secrets'][string];

/** One slot of a secret: its text, which requests send, and its key, which signs. */
export interface SlotValue {
  readonly text: string | undefined;
  readonly key: KeyObject;
}

/** Returns the declaration of a secret as a credential of a vendor. */
export function declareSecret({ type, description }: SecretField): CredentialDeclaration {
  if (type === 'text') return secretCredential(description) as CredentialDeclaration;
  if (type === 'base64') {
    const schema = secretSlotsSchema.refine(areBase64Keys, { error: base64Requirement }).describe(description);
    return customCredential(schema, (secret) => [secret.reveal()]) as CredentialDeclaration;
  }
  const keySchema = privateKeySchemaOf(type);
  const slotsSchema = z.strictObject({ current: keySchema, next: keySchema.optional() });
  const schema = z.union([keySchema.transform((current) => ({ current })), slotsSchema]).describe(description);
  return customCredential(schema, (key) => [exportKey(key)]) as CredentialDeclaration;
}

/** Returns the credentials of a connection, with the slots of each as requests and signatures use them. */
export function openSlots(
  secrets: Readonly<Record<string, SecretField>>,
  credentials: Readonly<Record<string, Credential<unknown>>>,
): Readonly<Record<string, Credential<SlotValue>>> {
  const slots: Record<string, Credential<SlotValue>> = {};
  for (const [name, { type }] of Object.entries(secrets)) {
    const credential = credentials[name];
    if (credential !== undefined) slots[name] = credential.map((value) => readSlot(type, value));
  }
  return slots;
}

/** Reads one slot of a secret. */
function readSlot(type: SecretField['type'], value: unknown): SlotValue {
  if (isPrivateKeyType(type)) return { text: undefined, key: value as KeyObject };
  const text = (value as Secret).reveal();
  return { text, key: createSecretKey(text, type === 'base64' ? 'base64' : 'utf8') };
}

const base64Requirement = 'must be the base64 of a key of at least 16 bytes';
const base64Form = /^[A-Za-z0-9+/_-]+={0,2}$/;

/** Other texts are decoded without an error, some of them to no bytes at all: everyone can sign with that key. */
function areBase64Keys({ current, next = current }: SecretSlots<Secret>): boolean {
  return [current, next].every((secret) => {
    const text = secret.reveal();
    return base64Form.test(text) && Buffer.from(text, 'base64').length >= 16;
  });
}

/** The keys on a curve: the name of the curve in sentences, and what Node calls it. */
const curves = {
  'p256-private-key': { title: 'a private EC key on P-256', name: 'prime256v1' },
  'p384-private-key': { title: 'a private EC key on P-384', name: 'secp384r1' },
  'ed25519-private-key': { title: 'a private Ed25519 key', name: 'ed25519' },
} as const;

/** Returns the schema of a private key in PEM. It parses to a key object, which prints nothing of the key. */
function privateKeySchemaOf(type: PrivateKeyType): z.ZodType<KeyObject> {
  if (type === 'rsa-private-key') return rsaPrivateKeySchema;
  const { title, name } = curves[type];
  return z.string().transform((text, context): KeyObject => {
    try {
      const key = createPrivateKey(normalizePem(text));
      const { namedCurve = key.asymmetricKeyType } = key.asymmetricKeyDetails ?? {};
      if (namedCurve === name) return key;
    } catch {
      // The parser's error would quote the key.
    }
    context.addIssue({ code: 'custom', message: `must be ${title} in PEM` });
    return z.NEVER;
  });
}

function exportKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
