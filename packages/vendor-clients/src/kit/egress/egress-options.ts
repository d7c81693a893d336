import { Secret } from '@valetkey/core-types';
import { z } from 'zod';
import { allowedEntrySchema } from './addresses.ts';
import { caSchema } from './certificates.ts';
import { proxyExceptionSchema } from './proxy-exceptions.ts';

const wrongProxy =
  'must be the http or https URL of a proxy, such as http://proxy.example.com:3128; percent-encode special characters of a user name and password';

/** Parses the URL of a proxy. The URL may contain a password, so it becomes a `Secret`. */
export const proxySchema = z.string().transform(toProxy<string>);

/** Returns the URL as a secret, and `false` as it is. */
function toProxy<Value extends string | false>(
  value: Value,
  context: z.RefinementCtx,
): Value extends string ? Secret : Secret | false {
  if (value === false) return false as never;
  const url = withScheme(value);
  // Otherwise kept as it is written, so that the text in a configuration is recognized as a secret.
  if (isProxyUrl(url)) return new Secret(url);
  context.addIssue({ code: 'custom', message: wrongProxy });
  return z.NEVER;
}

/** Programs commonly accept `host:port` in `HTTPS_PROXY`. */
function withScheme(text: string): string {
  const trimmed = text.trim();
  return trimmed.includes('://') ? trimmed : `http://${trimmed}`;
}

function isProxyUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return false;
  // A password with such a character would end the host in the middle of the password.
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') return false;
  return isPercentEncoded(url.username) && isPercentEncoded(url.password);
}

function isPercentEncoded(text: string): boolean {
  try {
    return decodeURIComponent(text).isWellFormed();
  } catch {
    return false;
  }
}

/** Parses the options of {@link createEgress}. The broker's configuration has the same fields under `egress`. */
export const egressSchema = z.strictObject({
  proxy: z
    .union([z.string(), z.literal(false)])
    .transform(toProxy)
    .optional()
    .describe(
      'The HTTP proxy for calls to identity providers and vendors: `http://user:password@host:3128`. `false` calls them directly. Absent: `HTTPS_PROXY` or `HTTP_PROXY` of the environment, if set.',
    ),
  noProxy: z
    .array(proxyExceptionSchema)
    .optional()
    .describe(
      'Hosts that are called without the proxy: names, each with the names below it, addresses and networks, as in `NO_PROXY`. `*` means all. Absent: `NO_PROXY` of the environment if the proxy comes from there too, else none. Loopback hosts never use the proxy.',
    ),
  allow: z
    .array(allowedEntrySchema)
    .default([])
    .describe(
      'Hosts and networks that may be called although they are private, such as `authgear.internal` or `10.0.0.0/8`. Metadata addresses of clouds are never called.',
    ),
  ca: caSchema
    .optional()
    .describe(
      'Certificates of private certificate authorities, in PEM, such as `${file:/etc/ssl/ca.pem}`. They are trusted besides those of Node and of `NODE_EXTRA_CA_CERTS`.',
    ),
});

/** The options of `createEgress`. */
export type EgressOptions = z.input<typeof egressSchema>;

/** The parsed options of `createEgress`. */
export type EgressSettings = z.output<typeof egressSchema>;
