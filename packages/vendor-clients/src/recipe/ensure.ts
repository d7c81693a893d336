import type { Operation } from '../kit/door/door.ts';
import { refusalError } from '../kit/door/refusal.ts';
import { invalidResponseError } from '../kit/door/response.ts';
import { compileRequest, type Answer, type RequestSettings } from './compile-request.ts';
import { toText } from './filters.ts';
import type { RecipeEnsure } from './recipe-schema.ts';
import { compileValue, type Values } from './template.ts';

/** The user at the vendor, and whether it was created now. */
export interface EnsuredUser {
  readonly vendorUserId: string;
  readonly created: boolean;
}

/**
 * Compiles the rule by which the user of a person is found or created. `values.user.id` is our name for the person. Two calls
 * at the same time result in one user, as far as the vendor's rule allows it; the broker lets only one call run per person.
 */
export function compileEnsure(ensure: RecipeEnsure, settings: RequestSettings) {
  const { rule, conflict, userId, foundUserId = userId } = ensure;
  const create = compileRequest(ensure.create, settings, conflict === undefined ? [] : [conflict]);
  const find = ensure.find === undefined ? undefined : compileRequest(ensure.find, settings, [404]);
  const createdIdOf = compileValue(userId);
  const foundIdOf = compileValue(foundUserId);

  const read = (idOf: (values: Values) => unknown, values: Values, { response }: Answer): string => {
    const id = idOf(values);
    if (typeof id !== 'string' && typeof id !== 'number') throw invalidResponseError(response.vendor, 'field:user_id');
    return toText(id);
  };
  const lookUp = async (values: Values, operation: Operation): Promise<EnsuredUser | undefined> => {
    const answer = await find?.(values, operation);
    if (answer === undefined || answer.response.status === 404) return undefined;
    return { vendorUserId: read(foundIdOf, { ...values, found: answer.body }, answer), created: false };
  };

  return async (values: Values, operation: Operation): Promise<EnsuredUser> => {
    const known = rule === 'find-then-create' ? await lookUp(values, operation) : undefined;
    if (known !== undefined) return known;
    const answer = await create(values, operation);
    if (answer.response.status !== conflict) {
      return { vendorUserId: read(createdIdOf, { ...values, created: answer.body }, answer), created: true };
    }
    if (rule === 'exists-is-fine' || rule === 'conflict-carries-id') {
      return { vendorUserId: read(foundIdOf, { ...values, found: answer.body }, answer), created: false };
    }
    // Another request has created the user since it was looked for.
    const other = await lookUp(values, operation);
    if (other === undefined) throw refusalError(answer.response, settings.meanings);
    return other;
  };
}
