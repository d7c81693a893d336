import { expect, test } from 'vitest';
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
