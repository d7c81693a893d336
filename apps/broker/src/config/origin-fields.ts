import { secureUrlSchema } from '@valetkey/core-types';
import { z } from 'zod';

/** Parses the origin of a web page. */
export const originSchema = secureUrlSchema
  .refine((text) => URL.canParse(text) && new URL(text).origin === text, {
    error:
      'must be an origin such as https://app.example.com or https://app.example.com:8443: in lower case, without the default port, a path or a slash at the end',
  })
  // For editors: the JSON Schema cannot contain the check above.
  .meta({ pattern: String.raw`^https?://[^/?#@\s]+$` });

/** The origin of an app in a web view or of a browser extension, such as `capacitor://localhost`. */
const appOrigin = /^(?!https?:|file:)[a-z][a-z0-9+.-]*:\/\/[a-z0-9.-]+(?::\d+)?$/;

/** Parses an origin that may call the broker from a browser: that of a web page or of an app, or `loopback`. */
export const corsOriginSchema = z
  .string()
  .superRefine((text, context) => {
    if (text === 'loopback' || appOrigin.test(text)) return;
    for (const { message } of originSchema.safeParse(text).error?.issues ?? []) {
      context.addIssue({ code: 'custom', message });
    }
  })
  .meta({ pattern: String.raw`^(?:loopback|[a-z][a-z0-9+.-]*://[^/?#@\s]+)$` });
