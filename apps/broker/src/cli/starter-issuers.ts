import { providers, type ProviderName } from '@valetkey/jwt-verify/providers';
import { z } from 'zod';

/** The settings of an identity provider, by name. A list has several texts. */
export type IssuerSettings = Readonly<Record<string, string | readonly string[]>>;

/** What an operator writes first about each identity provider: the example of docs/identity-providers.md. */
const presetExamples: Readonly<Record<ProviderName, IssuerSettings>> = {
  auth0: { domain: 'tenant.eu.auth0.com', audience: 'https://api.example.com', clientIds: ['AbCdEf123'] },
  cognito: { userPoolId: 'eu-central-1_AbCdEfGhI', clientIds: ['4a5b6c7d8e9f'] },
  firebase: { projectId: 'my-project' },
  google: { clientIds: ['1234-server.apps.googleusercontent.com'] },
  supabase: { url: 'https://abcdefghijklmnopqrst.supabase.co' },
  clerk: { domain: 'clerk.example.com', origins: ['https://app.example.com'] },
  entra: {
    tenantIds: ['11111111-2222-4333-8444-555555555555'],
    audience: '66666666-7777-4888-8999-000000000000',
    clientIds: ['77777777-7777-4888-8999-000000000000'],
  },
  'entra-b2c': {
    name: 'contoso',
    tenantId: '11111111-2222-4333-8444-555555555555',
    policies: ['B2C_1_signin'],
    audience: '66666666-7777-4888-8999-000000000000',
  },
  'entra-external-id': {
    name: 'contoso',
    tenantId: '11111111-2222-4333-8444-555555555555',
    audience: '66666666-7777-4888-8999-000000000000',
  },
  keycloak: { url: 'https://id.example.com', realm: 'main', audience: 'my-api', clientIds: ['web'] },
  okta: {
    domain: 'acme.okta.com',
    authorizationServer: 'default',
    audience: 'api://default',
    clientIds: ['0oa1abcdefGHIJKLM0x7'],
  },
  authgear: { endpoint: 'https://project.authgear.cloud', clientIds: ['my-app'] },
  hydra: {
    issuer: 'https://slug.projects.oryapis.com',
    audience: 'https://api.example.com',
    clientIds: ['web'],
  },
  workos: { clientId: 'client_01ABCDEF' },
  descope: { projectId: 'P2abcDEF' },
  stytch: { projectId: 'project-live-11111111-2222-4333-8444-555555555555' },
  'better-auth': { baseUrl: 'https://app.example.com', audience: 'https://api.example.com' },
  logto: { endpoint: 'https://tenant.logto.app', audience: 'https://api.example.com', clientIds: ['web'] },
  zitadel: { domain: 'instance.zitadel.cloud', clientIds: ['123456789012345678'] },
};

/** The choice of an operator whose identity provider has no preset. */
export const otherProvider = 'other';

const otherExample: IssuerSettings = { issuer: 'https://id.example.com', audiences: ['my-api'] };
const otherDescriptions: Readonly<Record<string, string>> = {
  issuer: "The `iss` of your identity provider's tokens.",
  audiences: 'The `aud` of tokens for your API.',
};

/** The names that `--provider` accepts. */
export const providerNames: readonly string[] = [otherProvider, ...Object.keys(providers)];

/** A setting that an operator is asked for. */
export interface Setting {
  readonly name: string;
  readonly description: string;
  readonly example: string | readonly string[];
  /** The only values that it may have. Absent: any text. */
  readonly choices?: readonly string[];
}

/** Returns the settings of an identity provider that a first configuration has. Undefined: no such provider. */
export function listIssuerSettings(provider: string): readonly Setting[] | undefined {
  if (provider === otherProvider) {
    return Object.entries(otherExample).map(([name, example]) => ({
      name,
      example,
      description: otherDescriptions[name] ?? '',
    }));
  }
  if (!Object.hasOwn(presetExamples, provider)) return undefined;
  const { shape } = providers[provider as ProviderName].options as z.ZodObject;
  return Object.entries(presetExamples[provider as ProviderName]).map(([name, example]) => ({
    name,
    example,
    description: describeField(shape[name]),
  }));
}

/** Returns the description of a field, which an optional field may have inside. */
export function describeField(schema: unknown): string {
  if (!(schema instanceof z.ZodType)) return '';
  return schema.description ?? (schema instanceof z.ZodOptional ? describeField(schema.unwrap()) : '');
}

/** Returns the entry of `issuers` for these settings. */
export function toIssuer(provider: string, settings: IssuerSettings): Readonly<Record<string, unknown>> {
  return provider === otherProvider ? settings : { provider, ...settings };
}
