import type { SchemaProblem } from '@valetkey/core-types';
import { isPrivateKeyType } from './field-schemas.ts';
import type { Recipe } from './recipe-schema.ts';
import { listExpressions } from './template.ts';
import { listUses, type Use } from './uses.ts';

/** Returns what is wrong with the token itself: whom it names, how long it lives, and with what it is signed. */
export function findTokenProblems(recipe: Recipe): readonly SchemaProblem[] {
  const uses = listUses(recipe);
  return [...findUserProblems(recipe, uses), ...findLifeProblems(recipe, uses), ...findKeyProblems(recipe, uses)];
}

/** The token of a user must depend on the user. Braces that are doubled are no expression, and some results are not used. */
function findUserProblems({ binding, subject, steps }: Recipe, uses: readonly Use[]): readonly SchemaProblem[] {
  if (binding === 'account' || subject === undefined) return [];
  const naming = new Set(['user']);
  const namesUser = (place: string) => readsAny(uses, place, naming);
  for (const [index, step] of steps.entries()) {
    const names = 'set' in step ? Object.keys(step.set) : [step.as];
    for (const name of names) {
      const place = 'set' in step ? `steps.${index}.set.${name}` : `steps.${index}`;
      if (namesUser(place)) naming.add(name);
    }
  }
  const message = 'must read {user.id}: the token of a user names the user';
  if (naming.size === 1) return [{ field: 'steps', message }];
  const rule = 'must have a result that depends on {user.id}: the token of a user names the user';
  return namesUser('answer.token') ? [] : [{ field: 'answer.token', message: rule }];
}

/** Returns whether a template at a place, or within it, reads one of these names. */
export function readsAny(uses: readonly Use[], place: string, names: ReadonlySet<string>): boolean {
  return uses.some(
    (use) => isWithin(use, place) && listExpressions(use.text).some(({ path: [root = ''] }) => names.has(root)),
  );
}

function isWithin({ place }: Use, outer: string): boolean {
  return place === outer || place.startsWith(`${outer}.`);
}

/** A life that no step reads would be promised, and not kept. */
function findLifeProblems({ life, steps }: Recipe, uses: readonly Use[]): readonly SchemaProblem[] {
  if (life === undefined) return [];
  const read = uses.filter((use) => isWithin(use, 'steps')).flatMap(({ text }) => listExpressions(text));
  const isRead = read.some(({ path: [root = ''] }) => root === 'life' || root === 'expiry');
  const inMinutes = read.some(({ path: [root], filters }) => root === 'life' && filters[0]?.name === 'minutes');
  return [
    ...(isRead || steps.some((step) => 'codec' in step) ? [] : [{ field: 'life', message: 'is read by no step' }]),
    ...(inMinutes && life.min < 60
      ? [{ field: 'life.min', message: 'must be at least 60: a shorter life would become a whole minute' }]
      : []),
  ];
}

type SecretType = Recipe['secrets'][string]['type'];

/** A key must fit what it signs, and a private key only signs: it has no text. */
function findKeyProblems({ secrets, steps }: Recipe, uses: readonly Use[]): readonly SchemaProblem[] {
  const algorithms = new Map<string, string | undefined>(
    steps.map((step, index) =>
      'sign' in step
        ? [`steps.${index}.sign.key`, step.sign.signature]
        : [`steps.${index}.jwt.key`, 'jwt' in step ? step.jwt.header.alg : undefined],
    ),
  );
  const reserved = steps.flatMap((step, index) =>
    ['b64', 'crit']
      .filter((name) => 'jwt' in step && Object.hasOwn(step.jwt.header, name))
      .map((name) => ({
        field: `steps.${index}.jwt.header.${name}`,
        message: 'is no member that a JWT here can have',
      })),
  );
  const wrong = uses.flatMap(({ place, text }) => {
    const names = listExpressions(text).flatMap(({ path: [root, name = ''] }) => (root === 'secrets' ? [name] : []));
    const types = names.map((name) => (Object.hasOwn(secrets, name) ? secrets[name]?.type : undefined));
    const algorithm = algorithms.get(place);
    if (algorithm === undefined) {
      return types.some(isPrivateKeyType) ? [{ field: place, message: 'reads a private key, which only signs' }] : [];
    }
    return types.every((type) => type === undefined || keysOf(algorithm).includes(type))
      ? []
      : [
          {
            field: place,
            message: `must be a secret of another type: ${algorithm} needs ${keysOf(algorithm).join(' or ')}`,
          },
        ];
  });
  return [...reserved, ...wrong];
}

const keyTypes: Readonly<Record<string, SecretType>> = {
  ES256: 'p256-private-key',
  ES384: 'p384-private-key',
  EdDSA: 'ed25519-private-key',
};

/** Returns the types of the secrets with which an algorithm signs (RFC 7518 section 3.1, RFC 8037). */
function keysOf(algorithm: string): readonly SecretType[] {
  if (algorithm.startsWith('HS')) return ['text', 'base64'];
  return [keyTypes[algorithm] ?? 'rsa-private-key'];
}
