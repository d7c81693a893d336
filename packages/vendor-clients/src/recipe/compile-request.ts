import type { DoorCall, Operation } from '../kit/door/door.ts';
import { encodePathSegment } from '../kit/door/door.ts';
import type { StatusMeanings } from '../kit/door/refusal.ts';
import { readJson, type VendorResponse } from '../kit/door/response.ts';
import { z } from 'zod';
import { toText } from './filters.ts';
import type { RecipeRequest } from './recipe-schema.ts';
import { compileExpression, compileValue, parseTemplate, type Values, type ValueTemplate } from './template.ts';

/** The response of a request, and its body as later templates read it. */
export interface Answer {
  readonly response: VendorResponse;
  readonly body: unknown;
}

/** Compiles a request. `expected` are further statuses that are no errors. */
export function compileRequest(request: RecipeRequest, meanings: StatusMeanings, expected: readonly number[] = []) {
  const pathOf = compilePath(request.path);
  const queryOf = compileValue(request.query ?? {});
  const headersOf = compileValue(request.headers);
  const jsonOf = request.json === undefined ? undefined : compileValue(request.json as ValueTemplate);
  const formOf = request.form === undefined ? undefined : compileValue(request.form as ValueTemplate);

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
    const response = await operation.send(callOf(values));
    const body = request.read === 'text' ? response.body.toString() : readJson(response, z.unknown());
    return { response, body };
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
