import { expect, test } from 'vitest';
import { auth0 } from './auth0.ts';
import { authgear } from './authgear.ts';
import { issuerRecord } from './issuer-record.ts';

const endpoint = 'https://project.authgear.cloud';

test('issuerRecord returns the record of a provider that is given by name', () => {
  const resolver = { cacheSeconds: 3 };
  expect(issuerRecord({ provider: 'authgear', endpoint, clientId: 'app', resolver })).toEqual(
    authgear({ endpoint, clientId: 'app', resolver }),
  );
});

test('issuerRecord returns an issuer record unchanged', () => {
  const record = { issuer: 'https://id.example.com', audiences: ['api'] };
  expect(issuerRecord(record)).toBe(record);
});

test('issuerRecord accepts each preset by its name, as the configuration does', () => {
  const options = { domain: 'tenant.eu.auth0.com', audience: 'a' };
  expect(issuerRecord({ provider: 'auth0', ...options })).toEqual(auth0(options));
});

test.each([
  ['an unknown name', { provider: 'toString' }, /^provider: is not a known provider; known are auth0, cognito,/],
  [
    'an option of another preset',
    { provider: 'google', clientIds: 'c', audience: 'a' },
    /^audience: is not a known field$/,
  ],
  [
    'a misspelt option',
    { provider: 'google', clientId: 'c' },
    /^clientId: is not a known field; did you mean `clientIds`\?$/,
  ],
])('issuerRecord refuses %s', (_, issuer, message) => {
  expect(() => issuerRecord(issuer)).toThrow(message);
});
