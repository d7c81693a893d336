import type { IssuerOptions, ProviderIssuer } from '@valetkey/core-types';
import { auth0, auth0Options } from './auth0.ts';
import { authgear, authgearOptions } from './authgear.ts';
import { betterAuth, betterAuthOptions } from './better-auth.ts';
import { clerk, clerkOptions } from './clerk.ts';
import { cognito, cognitoOptions } from './cognito.ts';
import { descope, descopeOptions } from './descope.ts';
import { entra, entraOptions, entraB2c, entraB2cOptions, entraExternalId, entraExternalIdOptions } from './entra.ts';
import { firebase, firebaseOptions } from './firebase.ts';
import { google, googleOptions } from './google.ts';
import { hydra, hydraOptions } from './hydra.ts';
import { keycloak, keycloakOptions } from './keycloak.ts';
import { logto, logtoOptions } from './logto.ts';
import { okta, oktaOptions } from './okta.ts';
import { stytch, stytchOptions } from './stytch.ts';
import { supabase, supabaseOptions } from './supabase.ts';
import { workos, workosOptions } from './workos.ts';
import { zitadel, zitadelOptions } from './zitadel.ts';

/** The presets by name: the schema of their options, and the function that returns the issuer record. */
export const providers = {
  auth0: { options: auth0Options, toRecord: auth0 },
  cognito: { options: cognitoOptions, toRecord: cognito },
  firebase: { options: firebaseOptions, toRecord: firebase },
  google: { options: googleOptions, toRecord: google },
  supabase: { options: supabaseOptions, toRecord: supabase },
  clerk: { options: clerkOptions, toRecord: clerk },
  entra: { options: entraOptions, toRecord: entra },
  'entra-b2c': { options: entraB2cOptions, toRecord: entraB2c },
  'entra-external-id': { options: entraExternalIdOptions, toRecord: entraExternalId },
  keycloak: { options: keycloakOptions, toRecord: keycloak },
  okta: { options: oktaOptions, toRecord: okta },
  authgear: { options: authgearOptions, toRecord: authgear },
  hydra: { options: hydraOptions, toRecord: hydra },
  workos: { options: workosOptions, toRecord: workos },
  descope: { options: descopeOptions, toRecord: descope },
  stytch: { options: stytchOptions, toRecord: stytch },
  'better-auth': { options: betterAuthOptions, toRecord: betterAuth },
  logto: { options: logtoOptions, toRecord: logto },
  zitadel: { options: zitadelOptions, toRecord: zitadel },
} as const;

/** The name of a preset. */
export type ProviderName = keyof typeof providers;

/**
 * Returns the issuer record of an identity provider that is given by name. Returns an issuer record unchanged.
 *
 * @throws {TypeError} If no preset has this name, or if an option of it is not valid. The message never quotes a value.
 *
 * @example
 * ```ts
 * import { createJwtVerifier, issuerRecord } from '@valetkey/jwt-verify';
 *
 * const record = issuerRecord({ provider: 'authgear', endpoint: 'https://project.authgear.cloud' });
 * const verifier = createJwtVerifier({ issuers: [record] });
 * ```
 */
export function issuerRecord(issuer: IssuerOptions | ProviderIssuer): IssuerOptions {
  if (!('provider' in issuer)) return issuer;
  const { provider, ...options } = issuer;
  if (!isProviderName(provider)) {
    throw new TypeError(`provider: is not a known provider; known are ${Object.keys(providers).join(', ')}`);
  }
  // The preset compares the options with its schema.
  return providers[provider].toRecord(options as never);
}

function isProviderName(name: unknown): name is ProviderName {
  return typeof name === 'string' && Object.hasOwn(providers, name);
}
