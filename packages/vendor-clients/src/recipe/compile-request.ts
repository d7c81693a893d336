import type { Clock } from '@valetkey/core-types';
import { AwsV4Signer } from 'aws4fetch';
import { XMLParser } from 'fast-xml-parser';
import type { DoorCall, Operation } from '../kit/door/door.ts';
import { encodePathSegment } from '../kit/door/door.ts';
import type { StatusMeanings } from '../kit/door/refusal.ts';
import { invalidResponseError, readJson, type VendorName, type VendorResponse } from '../kit/door/response.ts';
import { z } from 'zod';
import { toText } from './filters.ts';
import { isBoundedJson } from './recipe-bounds.ts';
import type { RecipeRequest } from './step-schema.ts';
import {
  compileExpression,
  compileValue,
  isWholeExpression,
  parseTemplate,
  type Values,
  type ValueTemplate,
} from './template.ts';
import { xmlReferences } from './xml-references.ts';

/** The response of a request, and its body as later templates read it. */
export interface Answer {
  readonly response: VendorResponse;
  readonly body: unknown;
}

/** Where a request goes, and what its refusals mean. */
export interface RequestSettings {
  readonly meanings: StatusMeanings;
  /** The URL below which requests are sent. A signature covers it. */
  readonly baseUrl?: string | undefined;
  readonly clock: Clock;
  readonly vendor: VendorName;
  /** The names of responses in templates, of which a query and a form take texts and no objects. */
  readonly responses: ReadonlySet<string>;
}

/** Compiles a request. `expected` are further statuses that are no errors. */
export function compileRequest(request: RecipeRequest, settings: RequestSettings, expected: readonly number[] = []) {
  const { meanings } = settings;
  const sign = request.sign === undefined ? undefined : compileSigner(request.sign, settings);
  const pathOf = compilePath(request.path);
  const queryOf = compileFields(request.query ?? {}, settings);
  const headersOf = compileValue(request.headers);
  const jsonOf = request.json === undefined ? undefined : compileValue(request.json as ValueTemplate);
  const formOf = request.form === undefined ? undefined : compileFields(request.form, settings);

  const callOf = (values: Values): DoorCall => {
    const query = toForm(queryOf(values));
    const call = {
      method: request.method,
      path: pathOf(values) + (query === '' ? '' : `?${query}`),
      headers: toHeaders(headersOf(values)),
      repeatable: request.repeatable,
      expected: [...request.expected, ...expected],
      meanings,
    };
    if (jsonOf !== undefined) return { ...call, json: jsonOf(values) as object };
    if (formOf === undefined) return call;
    const headers = { ...call.headers, 'content-type': 'application/x-www-form-urlencoded' };
    return { ...call, headers, body: toForm(formOf(values)) };
  };

  return async (values: Values, operation: Operation): Promise<Answer> => {
    const call = callOf(values);
    const response = await operation.send(sign === undefined ? call : await sign(call, values));
    return { response, body: readBody(response, request.read) };
  };
}

function readBody(response: VendorResponse, read: RecipeRequest['read']): unknown {
  const text = () => response.body.toString();
  if (read === 'text') return text();
  const body = read === 'json' ? readJson(response, z.unknown()) : readXml(response, text());
  // Later templates could neither write nor encode it.
  if (!isBoundedJson(body)) throw invalidResponseError(response.vendor, 'unusable_values');
  return body;
}

function readXml({ vendor }: VendorResponse, text: string): unknown {
  try {
    return xml.parse(text, true);
  } catch {
    throw invalidResponseError(vendor, 'not_xml');
  }
}

/** Compiles the fields of a query or a form. An object that a vendor sends instead of a text would become further fields. */
function compileFields(
  fields: Readonly<Record<string, unknown>>,
  { responses, vendor }: RequestSettings,
): (values: Values) => unknown {
  const valueOf = compileValue(fields as ValueTemplate);
  const read = listTexts(fields).flatMap((text) => {
    const parts = parseTemplate(text);
    return isWholeExpression(parts) && responses.has(parts[0].path[0] ?? '') ? [compileExpression(parts[0])] : [];
  });
  if (read.length === 0) return valueOf;
  return (values) => {
    const isObject = read.some((one) => typeof one(values) === 'object');
    if (isObject) throw invalidResponseError(vendor, 'field:text');
    return valueOf(values);
  };
}

function listTexts(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(listTexts) : [];
}

/** Reads texts as they are, and neither attributes nor entities of a document type. */
const xml = new XMLParser({ parseTagValue: false, ignoreAttributes: true, entityDecoder: xmlReferences });

function compileSigner(
  { service, region, accessKeyId, secretAccessKey }: NonNullable<RecipeRequest['sign']>,
  { baseUrl = '', clock }: RequestSettings,
) {
  const fieldsOf = compileValue({ service, region, accessKeyId, secretAccessKey });
  return async (call: DoorCall, values: Values): Promise<DoorCall> => {
    const body = call.json === undefined ? call.body : JSON.stringify(call.json);
    const fields = fieldsOf(values) as Record<'service' | 'region' | 'accessKeyId' | 'secretAccessKey', string>;
    const signer = new AwsV4Signer({
      ...fields,
      method: call.method,
      url: `${baseUrl}${call.path}`,
      headers: { ...(call.json !== undefined && { 'content-type': 'application/json' }), ...call.headers },
      ...(typeof body === 'string' && { body }),
      datetime: new Date(clock.nowMs()).toISOString().replace(/[:-]|\.\d{3}/g, ''),
    });
    const { headers } = await signer.sign();
    return { ...call, headers: { ...call.headers, ...Object.fromEntries(headers) } };
  };
}

function compilePath(path: string): (values: Values) => string {
  const parts = parseTemplate(path).map((part) => (typeof part === 'string' ? part : compileExpression(part)));
  return (values) =>
    parts.map((part) => (typeof part === 'string' ? part : encodePathSegment(toText(part(values) ?? '')))).join('');
}

function toHeaders(headers: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(headers as Values).map(([name, value]) => [name, toText(value)]));
}

/** Writes fields as a form (WHATWG URL section 5.2). Nested fields are written as `a[b]`, members of a list as `a[0]`. */
function toForm(fields: unknown): string {
  return (
    listFields(fields as Values, '')
      .map(([name, value]) => `${encodeName(name)}=${encodeURIComponent(value)}`)
      .join('&')
      // A query never has this sign (WHATWG URL section 1.3), so that the vendors' own libraries send it encoded.
      .replaceAll("'", '%27')
  );
}

/** Vendors document the brackets of nested fields as they are, and their own libraries send them so. */
function encodeName(name: string): string {
  return encodeURIComponent(name).replaceAll('%5B', '[').replaceAll('%5D', ']');
}

function listFields(value: unknown, name: string): (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null) return [[name, toText(value)]];
  return Object.entries(value).flatMap(([field, member]) =>
    listFields(member, name === '' ? field : `${name}[${field}]`),
  );
}
