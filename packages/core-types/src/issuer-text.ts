import { z } from 'zod';
import { isLoopbackHost } from './loopback.ts';

/** Returns whether a text is an https URL without credentials and fragment. Only loopback hosts may use http. */
function isFetchable(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname));
  return secure && url.username === '' && url.password === '' && url.hash === '';
}

/** Parses the URL of a document to fetch: https without credentials and fragment. Only loopback hosts may use http. */
export const documentUrlSchema = z.string().refine(isFetchable, {
  error: 'must be an https URL without credentials or fragment (only loopback hosts may use http)',
});

/** Parses an https URL without credentials, query and fragment. Only loopback hosts may use http. */
export const secureUrlSchema = z
  .string()
  .refine((text) => isFetchable(text) && new URL(text).search === '', {
    error: 'must be an https URL without credentials, query or fragment (only loopback hosts may use http)',
  })
  // For editors: a JSON Schema cannot contain the check above.
  .meta({ pattern: String.raw`^[Hh][Tt][Tt][Pp][Ss]?://[^?#\s]+$` });

/**
 * Parses an `iss`, which is compared to the letter: any StringOrURI (RFC 7519 section 2), such as a URL, a URN or a bare
 * name. A text with a colon must be a URI.
 */
export const issuerTextSchema = z
  .string()
  .min(1)
  .refine((text) => !/[\s\p{Cc}]/u.test(text) && (!text.includes(':') || isUriWithoutCredentials(text)), {
    error: 'must be the iss of the tokens: a URI without credentials, or a name without colons and spaces',
  });

function isUriWithoutCredentials(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}
