import { createPrivateKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';

const requirement = 'must be a private RSA key of at least 2048 bits in PEM';
const aboutLineBreaks = 'its line breaks are lost: keep them, or write each as \\n';

/** Parses a private RSA key in PEM (PKCS #8 or PKCS #1) into a key object, which prints nothing of the key. */
export const rsaPrivateKeySchema = z.string().transform((text, context): KeyObject => {
  const pem = normalizePem(text);
  try {
    const key = createPrivateKey(pem);
    const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
    if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2_048) return key;
    context.addIssue({ code: 'custom', message: requirement });
  } catch {
    // The parser's error would quote the key.
    context.addIssue({ code: 'custom', message: describeMistake(pem) });
  }
  return z.NEVER;
});

/** A block of PEM (RFC 7468) whose lines may have been joined. Its label has no lower-case letters. */
const block = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----([A-Za-z0-9+/=\s]*)-----END \1-----/;

/**
 * Returns PEM with its line breaks, from the spellings that an environment variable or a file of variables may hold: in
 * quotes, with line breaks as `\n`, as spaces, or with none, or the whole text in base64.
 */
export function normalizePem(text: string): string {
  const unquoted = text.trim().replace(/^(["'])([^]*)\1$/, '$2');
  const decoded = unquoted.includes('-----BEGIN') ? unquoted : decodeBase64(unquoted);
  const broken = decoded.replace(/(?:\\+r)?\\+n/g, '\n').replace(/\r\n?/g, '\n');
  // Some JSON has `\/` for `/`, and some scripts continue a line with a backslash.
  const pem = broken.replace(/\\+([/\n])/g, '$1');
  const [, label, body] = block.exec(pem) ?? [];
  if (label === undefined || body === undefined) return pem.trim();
  const lines = body.replace(/\s/g, '').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

function decodeBase64(text: string): string {
  const packed = text.replace(/\s/g, '');
  if (packed === '' || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(packed)) return text;
  const decoded = Buffer.from(packed, 'base64').toString('latin1');
  return decoded.includes('-----BEGIN') ? decoded : text;
}

function describeMistake(pem: string): string {
  if (/ENCRYPTED/.test(pem)) return `${requirement}; this one is encrypted with a passphrase: decrypt it first`;
  if (/-----BEGIN [A-Z ]*PUBLIC KEY-----/.test(pem)) return `${requirement}; this is a public key`;
  if (pem.includes('-----BEGIN') && !block.test(pem))
    return `${requirement}; it has no complete END line, or ${aboutLineBreaks}`;
  if (/-----BEGIN OPENSSH/.test(pem))
    return `${requirement}; this one has the format of OpenSSH: convert a copy with \`ssh-keygen -p -m PKCS8 -f <file>\``;
  if (pem.includes('-----BEGIN')) return `${requirement}; its body is damaged, or ${aboutLineBreaks}`;
  if (/^[\w.~/\\:-]+\.(?:pem|key|p8|txt)$/i.test(pem))
    return `${requirement}; this is the name of a file: write '\${file:path}' to read it`;
  return `${requirement}, with its BEGIN and END lines; if ${aboutLineBreaks}`;
}
