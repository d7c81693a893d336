import { expect, test } from 'vitest';
import { testProvider } from '../testing/provider-tests.ts';
import { entra, entraB2c, entraExternalId } from './entra.ts';

const tid = '11111111-2222-4333-8444-555555555555';
const otherTid = '99999999-2222-4333-8444-555555555555';
const api = '66666666-7777-4888-8999-000000000000';
const oid = 'aaaaaaaa-7777-4888-8999-000000000000';
const graph = '00000003-0000-0000-c000-000000000000';
const graphLike = 'abcdefab-7777-4888-8999-00000000000a';
const issuerOf = (tenant: string): string => `https://login.microsoftonline.com/${tenant}/v2.0`;
const issuer = issuerOf(tid);
const person = { sub: 'pairwise', oid, tid, aud: api, azp: 'app-1', scp: 'read write' };
const subject = `${oid}:${tid}`;
const machine = { scp: undefined, roles: ['Api.Read'], idtyp: 'app' };

testProvider('entra', {
  record: entra({ tenantIds: tid, audience: api, clientIds: 'app-1' }),
  algorithm: 'RS256',
  lifetimeSeconds: 28 * 3600,
  claims: { iss: issuer, ver: '2.0', ...person },
  accepted: [
    ['the access token of a person', {}, { issuer, subject, scopes: ['read', 'write'] }],
    [
      'a token of version 1',
      { iss: `https://sts.windows.net/${tid}/`, aud: `api://${api}`, azp: undefined, appid: 'app-1', ver: '1.0' },
      { issuer, subject },
    ],
  ],
  refused: [
    ["another app's token", { azp: 'app-2' }, {}, 'wrong_client', 'clientIds'],
    ["a machine's token", machine, {}, 'machine_token', 'set machines to true'],
    ['a machine token without idtyp', { scp: undefined, roles: ['x'] }, {}, 'machine_token', 'set machines to true'],
    ['an ID token', { aud: 'app-1', nonce: 'n', scp: undefined }, {}, 'wrong_token_type', 'scope of your API'],
    ["another tenant's token", { iss: issuerOf(otherTid), tid: otherTid }, {}, 'unknown_tenant', 'tenantIds'],
    ['a token whose tid is not its iss', { tid: otherTid }, {}, 'unknown_tenant', 'tenantIds'],
    ['a Graph token', { aud: graph }, { nonce: 'n' }, 'wrong_header', 'Microsoft Graph'],
    ['a Graph token without nonce', { aud: graph }, {}, 'wrong_audience', 'Microsoft Graph'],
  ],
});

testProvider('entra with any tenant and machines', {
  record: entra({ tenantIds: 'any', audience: [api, 'api://own-uri'], machines: true }),
  algorithm: 'RS256',
  claims: { iss: issuerOf(otherTid), ...person, tid: otherTid },
  accepted: [
    ['the access token of a person', {}, { issuer: issuerOf(otherTid), subject: `${oid}:${otherTid}` }],
    ["a machine's token", machine, { scopes: ['Api.Read'] }],
  ],
  refused: [['a token without tid', { tid: undefined }, {}, 'unknown_tenant', 'tenant']],
});

testProvider('entra ID tokens', {
  record: entra({ tenantIds: [tid, otherTid], audience: 'app-1', token: 'id' }),
  algorithm: 'RS256',
  claims: { iss: issuer, ...person, aud: 'app-1', azp: undefined, scp: undefined, nonce: 'n' },
  accepted: [['the ID token of a person', {}, { issuer, subject }]],
  refused: [
    ["another app's token", { aud: 'app-2' }, {}, 'wrong_audience', 'ID token of the app'],
    ['an access token for the same registration', { scp: 'read', nonce: undefined }, {}, 'forbidden_claim', 'ID token'],
  ],
});

testProvider('entra with ids in upper case', {
  record: entra({ tenantIds: [tid.toUpperCase()], audience: graphLike.toUpperCase(), clientIds: oid.toUpperCase() }),
  algorithm: 'RS256',
  claims: { iss: issuer, ...person, aud: graphLike, azp: oid },
  accepted: [['the access token of a person', {}, { issuer, subject }]],
  refused: [["another app's token", { azp: 'app-2' }, {}, 'wrong_client', 'clientIds']],
});

testProvider('entra in the cloud of China', {
  record: entra({ tenantIds: tid, audience: api, authority: 'login.partner.microsoftonline.cn' }),
  algorithm: 'RS256',
  claims: { iss: `https://login.partner.microsoftonline.cn/${tid}/v2.0`, ...person },
  accepted: [
    ['a token of version 2', {}, { subject }],
    ['a token of version 1', { iss: `https://sts.chinacloudapi.cn/${tid}/`, aud: `api://${api}` }, { subject }],
  ],
  refused: [['a token of the global cloud', { iss: issuer }, {}, 'unknown_issuer', 'authority']],
});

testProvider('entra in the cloud of the US government', {
  record: entra({ tenantIds: tid, audience: api, authority: 'login.microsoftonline.us' }),
  algorithm: 'RS256',
  claims: { iss: `https://login.microsoftonline.us/${tid}/v2.0`, ...person },
  accepted: [
    ['a token of version 2', {}, { subject }],
    ['a token of version 1', { iss: `https://sts.windows.net/${tid}/`, aud: `api://${api}` }, { subject }],
  ],
  refused: [['a token of the global cloud', { iss: issuer }, {}, 'unknown_issuer', 'authority']],
});

const b2cIssuer = `https://contoso.b2clogin.com/${tid}/v2.0/`;

testProvider('entra-b2c', {
  record: entraB2c({ name: 'contoso', tenantId: tid, policies: ['B2C_1_signin'], audience: api, clientIds: 'app-1' }),
  algorithm: 'RS256',
  claims: { iss: b2cIssuer, sub: oid, aud: api, azp: 'app-1', scp: 'read', tfp: 'B2C_1_signin', ver: '1.0' },
  accepted: [
    ['the access token of a person', {}, { issuer: b2cIssuer, subject: oid }],
    ['an access token with the nonce of the sign-in', { nonce: 'n' }, { issuer: b2cIssuer, subject: oid }],
    [
      'a token with the policy in its iss',
      { iss: `https://contoso.b2clogin.com/tfp/${tid}/b2c_1_signin/v2.0/` },
      { issuer: b2cIssuer },
    ],
  ],
  refused: [
    ["another policy's token", { tfp: 'B2C_1_edit' }, {}, 'missing_claim', 'policies'],
    ['an ID token', { nonce: 'n', azp: undefined, scp: undefined }, {}, 'wrong_token_type', 'scope of your API'],
    ["another app's token", { azp: 'app-2' }, {}, 'wrong_client', 'clientIds'],
    ["a machine's token", { scp: undefined }, {}, 'machine_token', 'set machines to true'],
    ['a token without the slash of its iss', { iss: b2cIssuer.slice(0, -1) }, {}, 'unknown_issuer', 'slash'],
  ],
});

testProvider('entra-external-id', {
  record: entraExternalId({ name: 'contoso', tenantId: tid, audience: api }),
  algorithm: 'RS256',
  claims: { iss: `https://${tid}.ciamlogin.com/${tid}/v2.0`, ...person },
  accepted: [['the access token of a person', {}, { subject }]],
  refused: [
    ["another app's ID token", { aud: 'app-1' }, {}, 'wrong_audience', 'scope of your API'],
    ["a token of another tenant's user", { tid: otherTid }, {}, 'missing_claim', 'tenantId'],
    [
      'a token with the name in its iss',
      { iss: `https://contoso.ciamlogin.com/${tid}/v2.0` },
      {},
      'unknown_issuer',
      'iss',
    ],
    ["a machine's token", machine, {}, 'machine_token', 'set machines to true'],
  ],
});

test.each([
  'sts.windows.net',
  'login.windows.net',
  'login.microsoft.com',
  'login.chinacloudapi.cn',
  'sts.chinacloudapi.cn',
])('entra: %s is refused as authority, because it is in no iss of version 2', (authority) => {
  expect(() => entra({ tenantIds: tid, audience: api, authority })).toThrow(/^authority: must be the host in the iss/);
});

test('entra-b2c and entra-external-id accept the id of a tenant in upper case', () => {
  const tenantId = oid.toUpperCase();
  expect(entraB2c({ name: 'c', tenantId, policies: 'p', audience: api }).issuer).toContain(`/${oid}/`);
  expect(entraExternalId({ name: 'c', tenantId, audience: api }).issuer).toContain(`/${oid}/`);
});

test.each(['contoso.onmicrosoft.com', 'contoso.b2clogin.com'])(
  'entra: the name %s is refused with what is meant',
  (name) => {
    expect(() => entraB2c({ name, tenantId: tid, policies: 'p', audience: api })).toThrow(
      /^name: must be the part before the first dot, such as contoso$/,
    );
    expect(() => entraExternalId({ name, tenantId: tid, audience: api })).toThrow(
      /^name: must be the part before the first dot, such as contoso$/,
    );
  },
);

test('entra: a scope of the API is named once, also if the audience is an application id URI', () => {
  const record = entra({ tenantIds: tid, audience: `api://${api}` });
  expect(record.remediations?.['wrong_token_type']).toContain(`(api://${api}/<scope>)`);
});

test('entra: the names common and organizations are refused as tenants, and the keys follow the options', () => {
  expect(() => entra({ tenantIds: 'common', audience: api })).toThrow(/^tenantIds: /);
  expect(entra({ tenantIds: tid, audience: api, keysOfApp: api }).jwksUri).toBe(
    `https://login.microsoftonline.com/${tid}/discovery/v2.0/keys?appid=${api}`,
  );
  const custom = entraB2c({ name: 'c', tenantId: tid, policies: 'p', audience: api, domain: 'login.example.com' });
  expect(custom.jwksUri).toBe('https://login.example.com/c.onmicrosoft.com/p/discovery/v2.0/keys');
});
