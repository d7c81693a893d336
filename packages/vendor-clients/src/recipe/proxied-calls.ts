import { ValetKeyError, type AllowedCall, type ProxyRequest } from '@valetkey/core-types';
import { findAllowedCall } from '../kit/allowed-calls.ts';
import type { VendorName } from '../kit/door/response.ts';
import { compileBodyRules, compileFieldRule, optionNameOf, type CheckBody } from './field-rules.ts';
import type { RecipeOptions } from './mint-request.ts';
import type { ProxyCall } from './proxy-schema.ts';
import { hasUniqueNames } from './unique-names.ts';

/** The most bytes of a body that is checked before it is forwarded. */
export const maxCheckedBytes = 1_048_576;

interface CompiledCall {
  /** Returns the query as it is forwarded. Throws `forbidden`. */
  readonly checkQuery: (query: string) => string;
  /** Absent: the call may have any body. */
  readonly checkBody?: CheckBody | undefined;
}

/** The calls of a connection. */
export interface ProxiedCalls {
  readonly allow: readonly AllowedCall[];
  /**
   * Returns a request as it may be forwarded. What is forwarded is what was checked. Throws `forbidden`, `invalid_request`,
   * `unsupported_media_type` and `payload_too_large`.
   */
  readonly check: (request: ProxyRequest) => Promise<ProxyRequest>;
}

/** Compiles the calls of a recipe for a connection. A path with an option becomes one path for each of its values. */
export function compileProxiedCalls(
  calls: readonly ProxyCall[],
  options: RecipeOptions,
  vendor: VendorName,
): ProxiedCalls {
  const compiled = new Map<AllowedCall, CompiledCall>();
  for (const call of calls) {
    const rules = compileCall(call, options, vendor);
    for (const path of call.paths.flatMap((one) => fillPath(one, options))) {
      compiled.set({ method: call.method, path }, rules);
    }
  }
  const allow = [...compiled.keys()];
  return {
    allow,
    async check(request) {
      const entry = findAllowedCall(allow, request.method, request.path);
      const call = entry && compiled.get(entry);
      if (call === undefined) throw refusedError(vendor, 'This method and path are not allowed.', 'allow');
      const query = call.checkQuery(request.query);
      if (call.checkBody === undefined) return { ...request, query };
      const body = await readJsonBody(request, vendor);
      const refusal = call.checkBody(body.value);
      if (refusal === undefined) return { ...request, query, body: body.bytes };
      const { pointer, problem } = refusal;
      throw refusedError(vendor, `The field ${pointer} of the body ${problem}.`, `body:${pointer}`);
    },
  };
}

const optionInPath = /\{options\.[A-Za-z0-9]+\}/;

/** Returns the path of a call for each value of the option in it. */
export function fillPath(path: string, options: Readonly<Record<string, unknown>>): readonly string[] {
  const [place] = optionInPath.exec(path) ?? [];
  if (place === undefined) return [path];
  const values = (options[optionNameOf(place)] ?? []) as readonly string[];
  return values.flatMap((value) =>
    fillPath(
      path.replace(place, () => value),
      options,
    ),
  );
}

function compileCall({ query, freeQuery, body }: ProxyCall, options: RecipeOptions, vendor: VendorName): CompiledCall {
  const rules = Object.entries(query).map(([name, rule]) => [name, compileFieldRule(rule, options)] as const);
  const known = new Set([...Object.keys(query), ...freeQuery]);
  return {
    checkQuery(text) {
      const fields = [...new URLSearchParams(text)];
      const refuse = (name: string, problem: string) =>
        refusedError(vendor, `The query parameter ${name} ${problem}.`, `query:${name}`);
      // Some servers split a query at this sign as well.
      const isForeign = text.includes(';') || fields.some(([name]) => !known.has(name));
      if (isForeign) throw refusedError(vendor, 'The query has a parameter that is not allowed.', 'query');
      for (const [name, check] of rules) {
        const values = fields.filter(([field]) => field === name).map(([, value]) => value);
        for (const value of values.length > 0 ? values : [undefined]) {
          const problem = check(value);
          if (problem !== undefined) throw refuse(name, problem);
        }
      }
      // Written anew, so that the vendor reads the fields that were checked.
      const written = fields.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
      return written.length === 0 ? '' : `?${written.join('&')}`;
    },
    checkBody: body && compileBodyRules(body, options),
  };
}

function refusedError({ id }: VendorName, detail: string, reason: string): ValetKeyError {
  return new ValetKeyError('forbidden', detail, {
    vendor: id,
    reason,
    remediation: 'Send what the operator has allowed for this connection, or ask the operator to allow more.',
  });
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads a whole body. It is an object of JSON whose names every reader understands alike. */
async function readJsonBody(
  { headers, body }: ProxyRequest,
  { id }: VendorName,
): Promise<{ readonly bytes: Uint8Array; readonly value: unknown }> {
  const refuse = (detail: string) => new ValetKeyError('invalid_request', detail, { vendor: id });
  const type = headers['content-type'];
  const isPlain = (headers['content-encoding'] ?? 'identity') === 'identity';
  if (!isPlain || typeof type !== 'string' || !/^\s*application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type)) {
    throw new ValetKeyError('unsupported_media_type', 'The body must be JSON without a content encoding.', {
      vendor: id,
    });
  }
  const bytes = await readWhole(body, headers['content-length']);
  let text: string;
  let value: unknown;
  try {
    text = strictUtf8.decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw refuse('The body is not JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse('The body is not an object of JSON.');
  if (!hasUniqueNames(text)) throw refuse('An object of the body has one name twice.');
  return { bytes, value };
}

async function readWhole(body: ProxyRequest['body'], length: unknown): Promise<Uint8Array> {
  const tooLong = () => new ValetKeyError('payload_too_large', `The body is longer than ${maxCheckedBytes} bytes.`);
  if (body === undefined) return new Uint8Array();
  if (Number(length ?? 0) > maxCheckedBytes) throw tooLong();
  if (body instanceof Uint8Array) return body;
  const chunks: Uint8Array[] = [];
  let total = 0;
  try {
    for await (const chunk of body) {
      total += chunk.length;
      if (total > maxCheckedBytes) throw tooLong();
      chunks.push(chunk);
    }
  } catch (failure) {
    if (ValetKeyError.isInstance(failure)) throw failure;
    throw new ValetKeyError('invalid_request', 'The body broke off.', { reason: 'body_broke_off' });
  }
  return Buffer.concat(chunks, total);
}
