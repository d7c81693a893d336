import { expect, test } from 'vitest';
import { testProvider } from '../testing/provider-tests.ts';
import { cognito } from './cognito.ts';

const userPoolId = 'eu-central-1_AbCdEfGhI';
const issuer = `https://cognito-idp.eu-central-1.amazonaws.com/${userPoolId}`;
const clientIds = ['app-1'];

testProvider('cognito access tokens', {
  record: cognito({ userPoolId, clientIds, replicaRegions: ['eu-west-1'] }),
  algorithm: 'RS256',
  header: {},
  claims: {
    iss: issuer,
    sub: '5f0e9a6c-1111-4222-8333-444455556666',
    token_use: 'access',
    client_id: 'app-1',
    scope: 'openid',
    username: 'alice',
  },
  accepted: [
    ['the access token of a person', {}, { issuer, scopes: ['openid'] }],
    ['a token of the updated issuer', { iss: issuer.replace('cognito', 'issuer-cognito') }, { issuer }],
    ['a token of a replica region', { iss: issuer.replace('eu-central-1.', 'eu-west-1.') }, { issuer }],
  ],
  refused: [
    ["another app's token", { client_id: 'app-2' }, {}, 'wrong_client', 'clientIds'],
    ["a machine's token", { sub: 'app-1' }, {}, 'machine_token', 'set machines to true'],
    ['an ID token', { token_use: 'id', aud: 'app-1', client_id: undefined }, {}, 'wrong_token_type', 'access token'],
    ["another pool's token", { iss: `${issuer}x` }, {}, 'unknown_issuer', 'userPoolId'],
  ],
});

testProvider('cognito ID tokens', {
  record: cognito({ userPoolId, clientIds, token: 'id' }),
  algorithm: 'RS256',
  header: {},
  claims: { iss: issuer, sub: 'u', token_use: 'id', aud: 'app-1', 'cognito:username': 'alice' },
  accepted: [['the ID token of a person', {}, { issuer, subject: 'u' }]],
  refused: [
    ["another app's token", { aud: 'app-2' }, {}, 'wrong_audience', 'clientIds'],
    ['an access token', { token_use: 'access', client_id: 'app-1' }, {}, 'wrong_token_type', 'Send the id token'],
  ],
});

test('cognito: the options decide about audiences, the place of the keys and the partition', () => {
  expect(cognito({ userPoolId, clientIds, audience: 'api', issuerType: 'updated' })).toMatchObject({
    issuer,
    audiences: ['api'],
    jwksUri: `https://issuer-cognito-idp.eu-central-1.amazonaws.com/${userPoolId}/.well-known/jwks.json`,
  });
  expect(cognito({ userPoolId: 'cn-north-1_A', clientIds }).issuer).toContain('cn-north-1.amazonaws.com.cn/');
  expect(cognito({ userPoolId: 'eusc-de-east-1_A', clientIds, replicaRegions: ['eusc-de-west-1'] })).toMatchObject({
    issuer: 'https://cognito-idp.eusc-de-east-1.amazonaws.eu/eusc-de-east-1_A',
    otherForms: expect.arrayContaining(['https://cognito-idp.eusc-de-west-1.amazonaws.eu/eusc-de-east-1_A']),
  });
  expect(() => cognito({ userPoolId: 'AbCdEfGhI', clientIds })).toThrow(/^userPoolId: must be the id/);
});
