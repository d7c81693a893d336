import { Secret, systemClock, VendorSetupError } from '@valetkey/core-types';
import { sampleKey, type Recipe, type RecipeVendor } from '@valetkey/vendor-clients/recipe';
import { createRedaction, redactAfter, type Redaction } from './redaction.ts';
import { startSampleServer, type ReceivedRequest, type SampleResponse } from './sample-server.ts';
import type { TrialInput } from './trial-input.ts';

type Step = Recipe['steps'][number];

/** What one step did, without secrets. */
export interface TrialStep {
  readonly name: string;
  readonly does: 'request' | 'jwt' | 'signature' | 'token' | 'values';
  readonly sent?: ReceivedRequest;
  readonly received?: { readonly status: number; readonly body: string };
  /** The header and the claims of a JWT, or the named values. */
  readonly result?: unknown;
}

/** A token that a recipe minted against its own sample, without secrets. */
export interface Trial {
  /** The name of the user at the vendor. */
  readonly userId?: string | undefined;
  readonly steps: readonly TrialStep[];
  readonly answer: {
    readonly fields: Readonly<Record<string, string>>;
    readonly expiresInSeconds?: number | undefined;
  };
}

/**
 * Mints a token with made secrets against the recipe's own sample, which a server on this machine sends. Rejects with the
 * vendor codes of the error table, and with a `VendorSetupError` for an input that the recipe refuses.
 */
export async function tryRecipe(vendor: RecipeVendor, input: TrialInput): Promise<Trial> {
  const { recipe } = vendor;
  const nowMs = readSampleMs(recipe) ?? systemClock.nowMs();
  const responses = listResponses(recipe);
  await using server = await startSampleServer(responses, nowMs);
  const redaction = createRedaction();
  const secrets = Object.entries(recipe.secrets).map(([name, { type }]) => [name, sampleKey(name, type)] as const);
  for (const [, secret] of secrets) redaction.add(secret);
  const given = { ...Object.fromEntries(secrets), ...input.options };
  const connection = {
    ...given,
    ...(recipe.baseUrl !== undefined && { baseUrl: server.url }),
    ...(recipe.service !== undefined && { tokenUrl: `${server.url}/token` }),
  };
  const client = vendor.createClient(connection, { clock: { ...systemClock, nowMs: () => nowMs } });
  try {
    const userId = nameUser(vendor, connection, input.user);
    const seen: Readonly<Record<string, unknown>>[] = [];
    const { fields, expiresInSeconds } = await client.issue({
      userId,
      parameters: input.parameters,
      principal: { issuer: 'https://id.example.com', subject: input.user, scopes: [], claims: {} },
      onStep: (values) => seen.push({ ...values }),
    });
    for (const value of Object.values(fields)) if (value instanceof Secret) redaction.add(value.reveal());
    const steps = describeSteps(recipe, { seen, requests: server.requests, responses, redaction });
    const shown = Object.entries(fields).map(([name, value]) => [
      name,
      value instanceof Secret ? '[redacted]' : redaction.inText(value),
    ]);
    return { userId, steps, answer: { fields: Object.fromEntries(shown), expiresInSeconds } };
  } finally {
    await client.close();
  }
}

/**
 * Returns the name of a person at the vendor, which a recipe of the account does not have. If the vendor gives the ids itself, the
 * operator maps each person to one.
 */
function nameUser(vendor: RecipeVendor, connection: object, user: string): string | undefined {
  if (vendor.recipe.subject === undefined) return undefined;
  const { users } = vendor.create(vendor.options.parse(connection));
  if (users === undefined) return user;
  const name = users.nameOf?.(user);
  if (name === undefined) throw new VendorSetupError(`${vendor.title} accepts no user with an id of this form`);
  return name;
}

/** The access token of the vendor's token endpoint, which a recipe with `service` requests first. */
const serviceToken = { access_token: 'sample-service-token', token_type: 'Bearer', expires_in: 3_600 };

function listResponses({ service, steps, sample }: Recipe): SampleResponse[] {
  const ofSteps = steps.flatMap((step): SampleResponse[] => {
    if (!('http' in step)) return [];
    const { expected, read } = step.http;
    const status = expected[0] ?? 200;
    const value = sample[step.as];
    if (read === 'json') return [{ status, contentType: 'application/json', body: JSON.stringify(value) }];
    if (read === 'xml') return [{ status, contentType: 'application/xml', body: toXml(value) }];
    return [{ status, contentType: 'text/plain', body: String(value) }];
  });
  if (service === undefined) return ofSteps;
  return [{ status: 200, contentType: 'application/json', body: JSON.stringify(serviceToken) }, ...ofSteps];
}

/** Writes a value as the XML from which the broker reads it. A text is XML already. */
function toXml(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, member]) => `<${name}>${typeof member === 'string' ? escapeXml(member) : toXml(member)}</${name}>`)
    .join('');
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

/** Returns a moment at which the token of the sample is still valid, if the sample says when it ends. */
function readSampleMs({ answer: { expiry }, sample, life }: Recipe): number | undefined {
  if (typeof expiry !== 'object' || !('at' in expiry)) return undefined;
  const path = /^\{\s*([\w.-]+)\s*\}$/.exec(expiry.at)?.[1]?.split('.') ?? [];
  let value: unknown = sample;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  const moment = typeof value === 'number' ? value * (value < 1e11 ? 1_000 : 1) : Date.parse(String(value));
  return Number.isFinite(moment) ? moment - (life?.default ?? 600) * 1_000 : undefined;
}

interface Recorded {
  /** What templates could read after each step. */
  readonly seen: readonly Readonly<Record<string, unknown>>[];
  readonly requests: readonly ReceivedRequest[];
  readonly responses: readonly SampleResponse[];
  readonly redaction: Redaction;
}

function describeSteps({ service, steps }: Recipe, { seen, requests, responses, redaction }: Recorded): TrialStep[] {
  const secretNames = new Set<string>();
  const readsSecret = (template: unknown): boolean =>
    [...JSON.stringify(template).matchAll(/\{\s*([A-Za-z]\w*)/g)].some(([, root = '']) =>
      ['secrets', 'service', ...secretNames].includes(root),
    );
  for (const step of steps) for (const name of listSecretNames(step, readsSecret)) secretNames.add(name);
  for (const name of secretNames) {
    const value = seen.at(-1)?.[name];
    if (typeof value === 'string') redaction.add(value);
  }
  redaction.add(serviceToken.access_token);
  let sent = 0;
  const takeRequest = (templates: Readonly<Record<string, string>>): Pick<TrialStep, 'sent' | 'received'> => {
    const request = requests[sent];
    const response = responses[sent];
    sent += 1;
    return {
      ...(request !== undefined && { sent: describeRequest(request, templates, { readsSecret, redaction }) }),
      ...(response !== undefined && {
        received: { status: response.status, body: redaction.inText(response.body) },
      }),
    };
  };
  const first: TrialStep[] = service === undefined ? [] : [{ name: 'service', does: 'request', ...takeRequest({}) }];
  const others = steps.map((step, index): TrialStep => {
    const values = seen[index] ?? {};
    if ('set' in step) {
      const named = Object.keys(step.set).map((each) => [each, secretNames.has(each) ? '[redacted]' : values[each]]);
      const result = redaction.inValue(Object.fromEntries(named));
      return { name: Object.keys(step.set).join(', '), does: 'values', result };
    }
    const name = step.as;
    if ('jwt' in step) return { name, does: 'jwt', result: redaction.inValue(readJwt(String(values[name]))) };
    if ('sign' in step) return { name, does: 'signature', result: redaction.inValue(values[name]) };
    if ('codec' in step) return { name, does: 'token', result: '[redacted]' };
    return { name, does: 'request', ...takeRequest(step.http.headers) };
  });
  return [...first, ...others];
}

/** Returns the results of a step that are credentials or contain one. A digest without a key is none. */
function listSecretNames(step: Step, readsSecret: (template: unknown) => boolean): string[] {
  if ('set' in step) return Object.keys(step.set).filter((name) => readsSecret(step.set[name]));
  if ('http' in step || ('sign' in step && step.sign.key === undefined)) return [];
  return [step.as];
}

/** The headers of every request, which say nothing about a recipe. */
const usualHeaders = new Set(['host', 'connection', 'user-agent', 'accept', 'accept-encoding', 'content-length']);

function describeRequest(
  { method, path, headers, body }: ReceivedRequest,
  templates: Readonly<Record<string, string>>,
  { readsSecret, redaction }: Pick<Recorded, 'redaction'> & { readonly readsSecret: (template: unknown) => boolean },
): ReceivedRequest {
  const shown = Object.entries(headers)
    .filter(([name]) => !usualHeaders.has(name))
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => {
      const template = templates[name];
      if (template === undefined && name === 'authorization') return [name, '[redacted]'] as const;
      const isSecret = template !== undefined && readsSecret(template);
      return [name, isSecret ? redactAfter(template) : redaction.inText(value)] as const;
    });
  return { method, path: redaction.inText(path), headers: Object.fromEntries(shown), body: redaction.inText(body) };
}

function readJwt(token: string): unknown {
  const [header, claims] = token.split('.').map((part): unknown => {
    try {
      return JSON.parse(Buffer.from(part, 'base64url').toString());
    } catch {
      return undefined;
    }
  });
  return { header, claims };
}
