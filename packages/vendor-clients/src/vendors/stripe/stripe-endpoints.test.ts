import { Secret } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { findRecipe } from '../../find-recipe.ts';
import { issuesTokens } from '../../recipe/define-recipe.ts';
import { compileEndpoint } from '../../recipe/endpoint.ts';

function endpointOf(id: string) {
  const vendor = findRecipe(id);
  if (vendor === undefined || !issuesTokens(vendor) || vendor.recipe.endpoint === undefined) {
    throw new Error(`${id} has no endpoint.`);
  }
  return compileEndpoint(vendor.recipe.endpoint);
}

const key = '{"id":"ephkey_sample","secret":"sample"}';

test.each([
  ['stripe-terminal', { secret: new Secret('sample') }, '{"secret":"sample"}'],
  ['stripe-account-session', { client_secret: new Secret('sample') }, '{"client_secret":"sample"}'],
  ['stripe-customer-session', { client_secret: new Secret('sample') }, '{"client_secret":"sample"}'],
  ['stripe-ephemeral-key', { secret: new Secret('sample'), ephemeral_key: new Secret(key) }, key],
])('the endpoint of %s responds as the backend in the pages of Stripe does', (id, fields, body) => {
  const response = endpointOf(id).respond({ kind: 'client', bound: 'user', vendor: id, fields });
  expect(response).toEqual({ status: 200, contentType: 'application/json', body });
});

test.each([
  ['application/json', '{"api_version":"2026-10-28.endive","customer":"cus_of_another"}'],
  ['application/x-www-form-urlencoded', 'api_version=2026-10-28.endive&customer=cus_of_another'],
])('the endpoint of an ephemeral key reads the version alone from %s', (mediaType, body) => {
  const { readParameters } = endpointOf('stripe-ephemeral-key');
  expect(readParameters({ query: '', mediaType, body })).toEqual({ api_version: '2026-10-28.endive' });
});
