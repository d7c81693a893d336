import { expect, test } from 'vitest';
import {
  passRequestHeaders,
  passResponseHeaders,
  proxyRequestHeaders,
  proxyResponseHeaders,
  splitBelow,
} from './proxy-headers.ts';

const hopByHop = `connection keep-alive proxy-connection te trailer transfer-encoding upgrade`.split(' ');
const credentials = `authorization proxy-authorization cookie x-api-key www-authenticate set-cookie`.split(' ');
const forwarding = `host forwarded via x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip`.split(' ');
const internal = `server location x-powered-by x-amzn-requestid x-amz-apigw-id date cache-control vary`.split(' ');
const headersOf = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 'x']));

const source = { baseUrl: 'https://api.example.com/v1', url: 'https://api.example.com/v1/Patients?a=b' };

test('hop-by-hop headers, credentials, forwarding and internal headers are not passed on in either direction', () => {
  const headers = headersOf([...hopByHop, ...credentials, ...forwarding, ...internal]);
  expect(passRequestHeaders(headers)).toEqual({});
  expect(passResponseHeaders(headers)).toEqual({});
});

test('headers that `Connection` names are not passed on in either direction', () => {
  expect(passRequestHeaders({ connection: 'close, Prefer', prefer: 'a', accept: 'b' })).toEqual({ accept: 'b' });
  expect(passResponseHeaders({ connection: ['close', 'ETag'], etag: '"1"', link: '<a>' })).toEqual({ link: '<a>' });
});

test('headers about the content, ranges, conditions and OData are passed on', () => {
  const request = headersOf(proxyRequestHeaders);
  expect(passRequestHeaders(request)).toEqual(request);
  const response = { ...headersOf(proxyResponseHeaders), location: `${source.baseUrl}/x` };
  expect(passResponseHeaders(response, source)).toEqual(response);
  expect(passRequestHeaders({ prefer: ['a', 'b'] })).toEqual({ prefer: 'a, b' });
});

test.each([
  ['https://api.example.com/v1/Patients(1)', 'https://api.example.com/v1/Patients(1)'],
  ['/v1/Patients(1)', 'https://api.example.com/v1/Patients(1)'],
  ['Patients(1)', 'https://api.example.com/v1/Patients(1)'],
  ['https://storage.example.com/v1/file?signature=secret', undefined],
  ['//evil.example/v1/x', undefined],
  ['/v2/Patients(1)', undefined],
  ['../admin', undefined],
  ['http://', undefined],
])('the location %s of a response is passed on as %s', (location, expected) => {
  expect(passResponseHeaders({ location }, source).location).toBe(expected);
});

test('a repeated location of a response is dropped, and other repeated headers are joined', () => {
  const headers = { location: ['/v1/a', '/v1/b'], link: ['<a>', '<b>'] };
  expect(passResponseHeaders(headers, source)).toEqual({ link: '<a>, <b>' });
});

test.each([
  ['https://api.example.com/v1/Patients?$skiptoken=a%20b', { path: '/Patients', query: '?$skiptoken=a%20b' }],
  ['HTTPS://API.example.com:443/v1/Patients#x', { path: '/Patients', query: '' }],
  ["https://api.example.com/v1/Patients('%2F')", { path: "/Patients('%2F')", query: '' }],
  ['https://api.example.com/v1', undefined],
  ['https://api.example.com/v10/Patients', undefined],
  ['https://api.example.com/v1/../admin', undefined],
  ['https://api.example.com/v1/%2e%2e/admin', undefined],
  ['https://api.example.com\\@evil.example/v1/x', undefined],
  ['https://user:password@api.example.com/v1/x', undefined],
  ['https://api.example.com.evil.example/v1/x', undefined],
  ['https://api.example.com:8443/v1/x', undefined],
  ['http://api.example.com/v1/x', undefined],
  ['javascript:alert(1)', undefined],
  ['/v1/Patients', undefined],
])('the link %j below the base URL is %j', (link, expected) => {
  expect(splitBelow(link, source.baseUrl)).toEqual(expected);
});
