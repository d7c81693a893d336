import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { codeOfForeignError } from '@valetkey/core-types';
import { clientCertificateSchema, type ClientCertificate } from '@valetkey/vendor-clients';

/** A certificate with its intermediate ones, and its private key. */
export type ListenerTls = ClientCertificate;

/** Parses the certificate of a listener and its key. Refuses what TLS could not use, such as a key that is too short. */
export const listenerTlsSchema = clientCertificateSchema.check(({ value, issues }) => {
  try {
    createSecureContext(secureContextOptionsOf(value));
  } catch (error) {
    // The text of the error may quote the certificate.
    const message = `cannot be used for TLS (${codeOfForeignError(error) ?? 'unknown'}); issue a certificate with a key of at least 2048 bits (RSA) or 256 bits (ECDSA)`;
    issues.push({ code: 'custom', path: ['certificate'], message, input: undefined });
  }
});

/** Returns the options with which TLS uses a certificate. */
export function secureContextOptionsOf({ certificate, key }: ListenerTls): SecureContextOptions {
  return { cert: certificate.join('\n'), key: key.export({ type: 'pkcs8', format: 'pem' }), minVersion: 'TLSv1.2' };
}

/** Clients refuse a certificate before it is valid and after it has expired. */
export interface CertificateValidity {
  readonly state: 'valid' | 'expires_soon' | 'expired' | 'not_yet_valid';
  /** What an operator has to know, in a phrase. */
  readonly detail: string;
}

const dayMs = 86_400_000;
const expiresSoonMs = 14 * dayMs;

/** Returns whether clients accept the first certificate of a listener at `now`, in milliseconds since the epoch. */
export function describeValidity({ certificate: [own = ''] }: ListenerTls, now: number): CertificateValidity {
  const { validFrom, validTo } = new X509Certificate(own);
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  const day = (moment: number) => new Date(moment).toISOString().slice(0, 10);
  const remedy = 'put the renewed certificate and its key in place';
  if (now > to) return { state: 'expired', detail: `expired on ${day(to)}, so that clients refuse it; ${remedy}` };
  if (now < from) {
    return { state: 'not_yet_valid', detail: `is valid only from ${day(from)}; check the clock of this machine` };
  }
  if (to - now < expiresSoonMs) return { state: 'expires_soon', detail: `expires on ${day(to)}; ${remedy}` };
  return { state: 'valid', detail: `is valid until ${day(to)}` };
}

interface ListenerFields {
  readonly listen: { readonly tls?: ListenerTls | undefined };
  readonly admin: { readonly tls?: ListenerTls | undefined };
}

/** Returns the field, and the validity at `now`, of the certificate of each listener that has one. */
export function listCertificates({ listen, admin }: ListenerFields, now: number) {
  return Object.entries({ listen, admin }).flatMap(([name, { tls }]) =>
    tls === undefined ? [] : [{ field: `${name}.tls.certificate`, ...describeValidity(tls, now) }],
  );
}

/** Returns a warning for each certificate of a listener that clients refuse, or will refuse within 14 days. */
export function listCertificateWarnings(fields: ListenerFields, now: number): string[] {
  return listCertificates(fields, now)
    .filter(({ state }) => state !== 'valid')
    .map(({ field, detail }) => `${field}: ${detail}`);
}
