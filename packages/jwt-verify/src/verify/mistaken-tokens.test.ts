import { expect, test } from 'vitest';
import { createHarness, rejection } from '../testing/harness.ts';
import { encodeSegment } from '../testing/signing.ts';

const { verifier, token, claims } = createHarness({ audiences: ['https://api.example.com', 'api'] });

function unsigned(header: object, changes: object = {}, signature = ''): string {
  const segments = [header, claims({ ...changes })].map((part) => encodeSegment(JSON.stringify(part)));
  return [...segments, signature].join('.');
}

test.each<[string, string, RegExp, RegExp]>([
  ['the word undefined', 'undefined', /sent no token/, /wait until the user has signed in/],
  ['the word null', 'null', /sent no token/, /wait until the user has signed in/],
  ['an object as text', '[object Object]', /sent no token/, /wait until the user has signed in/],
  ['an empty text', '', /sent no token/, /wait until the user has signed in/],
  ['the unsigned token of an emulator', unsigned({ alg: 'none', typ: 'JWT' }), /has no signature/, /Emulators/],
  [
    'the algorithm none with a signature',
    unsigned({ alg: 'none' }, {}, 'AAAA'),
    /not signed/,
    /^(?!.*issuer's algorithms)/,
  ],
  [
    'an algorithm that cannot be configured',
    unsigned({ alg: 'ES256K' }, {}, 'AAAA'),
    /not supported/,
    /^(?!.*issuer's algorithms)/,
  ],
  [
    'a refresh token of Keycloak',
    unsigned({ alg: 'HS512' }, { typ: 'Refresh' }, 'AAAA'),
    /refresh token/,
    /^Send the access token/,
  ],
  ['an encrypted refresh token of Cognito', 'e30.QQ.AAAA.BBBB.CCCC', /encrypted/, /Amazon Cognito/],
  [
    'an aud with a slash at its end',
    token({ aud: 'https://api.example.com/' }),
    /only in the slash/,
    /slash at the end counts/,
  ],
  ['an iss with http', token({ iss: 'http://id.example.com' }), /its iss is http:.*scheme/, /public URL/],
  [
    'an iss with a port',
    token({ iss: 'https://id.example.com:443/' }),
    /its iss is https:.*:443\/ .*port/,
    /exactly as the iss/,
  ],
  [
    'an iss in capitals',
    token({ iss: 'https://ID.example.com' }),
    /its iss is https:\/\/ID.*letter case/,
    /exactly as the iss/,
  ],
  ['an iss with another port', token({ iss: 'https://id.example.com:8443' }), /^(?!.*8443)/, /^(?!.*8443)/],
])('the error for %s says what it is and what to change', async (_, text, detail, remediation) => {
  const error = await rejection(verifier.verify(text));
  expect(error.code).toBe('invalid_token');
  expect(error.message).toMatch(detail);
  expect(error.remediation).toMatch(remediation);
});
