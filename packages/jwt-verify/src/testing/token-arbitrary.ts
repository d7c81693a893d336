import * as fc from 'fast-check';
import { testIssuer } from './harness.ts';
import { createSigningKey, encodeSegment, signText, type SigningKey } from './signing.ts';

export const nowSeconds = 1_800_000_000;

/** The keys that the provider publishes. */
export const keys: readonly SigningKey[] = [
  createSigningKey('es', 'ES256'),
  createSigningKey('rs', 'RS256'),
  createSigningKey('ed', 'EdDSA'),
];
/** A key with the `kid` of a published key. */
const impostor = createSigningKey('es', 'ES256');

/** Generates the usual value in most runs, and an unusual one in the others. */
function mostly<Value>(usual: Value, ...unusual: fc.Arbitrary<unknown>[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    { arbitrary: fc.constant(usual), weight: 12 },
    ...unusual.map((arbitrary) => ({ arbitrary, weight: 1 })),
  );
}

const absent = fc.constant(undefined);
const anything = fc.jsonValue({ maxDepth: 2 });
const nearNow = fc.integer({ min: nowSeconds - 10, max: nowSeconds + 10 });
const anyDate = fc.oneof(nearNow, fc.double(), fc.integer(), fc.constantFrom(nowSeconds * 1000, 1e11, 253_402_300_799));

const header = (key: SigningKey): fc.Arbitrary<Record<string, unknown>> =>
  fc.record({
    alg: mostly(
      key.algorithm,
      fc.constantFrom('none', 'HS256', 'RS256', 'ES256', 'EdDSA', 'es256', ''),
      anything,
      absent,
    ),
    kid: mostly(key.id, fc.constantFrom('es', 'rs', 'ed', '', 'x'.repeat(300)), anything, absent),
    typ: mostly('at+jwt', fc.constantFrom('application/at+jwt', 'AT+JWT', 'JWT', 'dpop+jwt'), anything, absent),
    crit: mostly(undefined, fc.constantFrom(['exp'], ['b64'], []), anything),
    b64: mostly(undefined, fc.boolean()),
    jku: mostly(undefined, fc.webUrl()),
    jwk: mostly(undefined, fc.constant(impostor.jwk)),
  });

const claims: fc.Arbitrary<Record<string, unknown>> = fc.record({
  iss: mostly(testIssuer, fc.constantFrom(`${testIssuer}/`, [testIssuer]), anything, absent),
  sub: mostly('alice', fc.string(), fc.constantFrom('', 'x'.repeat(256), '\ud800'), anything, absent),
  aud: mostly('api', fc.constantFrom(['api'], ['a', 'api'], ['api', 1], 'api2', []), anything, absent),
  exp: mostly(nowSeconds + 300, anyDate, anything, absent),
  nbf: mostly(undefined, anyDate, anything),
  iat: mostly(nowSeconds, anyDate, anything, absent),
  jti: mostly('id', fc.string(), anything),
  cnf: mostly(undefined, fc.constantFrom({ jkt: 'x' }, {}), anything),
  scope: mostly('read', anything),
});

/** Generates the JSON text of an object, sometimes with two members of one name or with white space. */
function jsonText(value: Record<string, unknown>): fc.Arbitrary<string> {
  const plain = JSON.stringify(value);
  const names = Object.keys(JSON.parse(plain) as object);
  const twice = fc
    .tuple(fc.constantFrom(...names, 'extra'), anything)
    .map(([name, other]) => `{${JSON.stringify(name)}:${JSON.stringify(other)},${plain.slice(1)}`);
  return mostly(plain, twice, fc.constant(JSON.stringify(value, null, 2))) as fc.Arbitrary<string>;
}

/** Generates functions that change a token as an error in transit could. */
const mutations = fc.oneof(
  fc.constant((token: string) => token),
  fc
    .tuple(fc.nat(), fc.constantFrom('', ' ', '\n', '=', '.', 'A', '-', '+', 'é'))
    .map(([position, text]) => (token: string): string => {
      const at = position % (token.length + 1);
      return token.slice(0, at) + text + token.slice(at);
    }),
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 3 })).map(([position, length]) => (token: string): string => {
    const at = position % token.length;
    return token.slice(0, at) + token.slice(at + length);
  }),
  fc.tuple(fc.nat(), fc.constantFrom(...'ABQgwxyz019_-')).map(([position, letter]) => (token: string): string => {
    const at = position % token.length;
    return token.slice(0, at) + letter + token.slice(at + 1);
  }),
  // Replaces the last character of a segment, which may carry stray bits.
  fc.tuple(fc.nat({ max: 2 }), fc.constantFrom(...'ABCDEFGHQRghwx0123')).map(
    ([segment, letter]) =>
      (token: string): string =>
        token
          .split('.')
          .map((part, index) => (index === segment ? part.slice(0, -1) + letter : part))
          .join('.'),
  ),
);

/** Generates valid, invalid, forged and damaged tokens. */
export const tokens: fc.Arbitrary<string> = fc
  .constantFrom(...keys)
  .chain((key) =>
    fc
      .tuple(
        header(key).chain(jsonText),
        claims.chain(jsonText),
        mostly(key, fc.constant(impostor)),
        fc.oneof({ arbitrary: fc.constant((token: string) => token), weight: 3 }, { arbitrary: mutations, weight: 1 }),
      )
      .map(([headerText, claimsText, signer, mutate]) =>
        mutate(signText(`${encodeSegment(headerText)}.${encodeSegment(claimsText)}`, signer as SigningKey)),
      ),
  );
