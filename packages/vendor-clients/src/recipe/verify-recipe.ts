import type { Verification } from '@valetkey/core-types';
import { z } from 'zod';
import type { Operation } from '../kit/door/door.ts';
import { refusalError } from '../kit/door/refusal.ts';
import { compileRequest, type RequestSettings } from './compile-request.ts';
import { bodySchemaOf } from './meanings.ts';
import type { Recipe } from './recipe-schema.ts';

/** Returns the form of the vendor's own errors. */
export function errorBodyOf({ errorFields }: Pick<Recipe, 'errorFields'>): z.ZodType | undefined {
  return errorFields && z.looseObject({}).refine((body) => errorFields.some((field) => Object.hasOwn(body, field)));
}

type Send = (values: Record<string, unknown>, operation: Operation) => Promise<unknown>;
type Verified = Pick<Recipe, 'title' | 'secrets' | 'verify'>;

/** Compiles the check of the credentials. */
export function compileVerify(
  recipe: Verified,
  settings: RequestSettings,
): (run: (send: Send) => Promise<unknown>) => Promise<Verification> {
  const names = Object.keys(recipe.secrets).map((name) => `\`${name}\``);
  if (recipe.verify === undefined) {
    const why = `${recipe.title} has no call that checks it without an effect`;
    return async () => ({ proven: [], notChecked: names.map((name) => `${name}: ${why}`) });
  }
  const { refusal, ...request } = recipe.verify;
  const { meanings } = settings;
  const send = compileRequest(request, settings, refusal && [refusal.status]);
  const isProof = refusal && bodySchemaOf(refusal.when);
  return async (run) => {
    await run(async (values, operation) => {
      const { response, body } = await send(values, operation);
      if (response.status === refusal?.status && isProof?.safeParse(body).success === false) {
        throw refusalError(response, meanings);
      }
    });
    return { proven: names.map((name) => `${name} is accepted`) };
  };
}
