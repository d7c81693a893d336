import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { normalizePem } from '../private-key.ts';

const certificateBlock = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g;

/** Parses one or more certificates in PEM. */
const certificatesSchema = z.string().transform((text, context): readonly string[] => {
  const blocks = text.replace(/(?:\\+r)?\\+n/g, '\n').match(certificateBlock) ?? [];
  if (blocks.length > 0 && blocks.every(isCertificate)) return blocks;
  context.addIssue({ code: 'custom', message: 'must be one or more certificates in PEM' });
  return z.NEVER;
});

function isCertificate(block: string): boolean {
  try {
    return new X509Certificate(block).serialNumber !== '';
  } catch {
    return false;
  }
}

/** Parses the certificates of private certificate authorities. */
export const caSchema = certificatesSchema;

/** Parses a private key in PEM into a key object, which prints nothing of the key. */
const privateKeySchema = z.string().transform((text, context): KeyObject => {
  try {
    return createPrivateKey(normalizePem(text));
  } catch {
    // The parser's error would quote the key.
    context.addIssue({ code: 'custom', message: 'must be a private key in PEM, not encrypted with a passphrase' });
    return z.NEVER;
  }
});

/** Parses a client certificate for mutual TLS, with its key. */
export const clientCertificateSchema = z
  .strictObject({
    certificate: certificatesSchema.describe('The certificate in PEM, followed by the intermediate ones, if any.'),
    key: privateKeySchema.describe('The private key of the certificate, in PEM and not encrypted.'),
  })
  .check(({ value: { certificate, key }, issues }) => {
    const [own] = certificate;
    if (own !== undefined && new X509Certificate(own).checkPrivateKey(key)) return;
    issues.push({ code: 'custom', path: ['key'], message: 'is not the key of this certificate', input: undefined });
  });

/** A client certificate with its key. */
export type ClientCertificate = z.output<typeof clientCertificateSchema>;
