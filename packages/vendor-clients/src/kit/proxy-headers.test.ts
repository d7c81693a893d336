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

test('passRequestHeaders and passResponseHeaders remove hop-by-hop headers, credentials, forwarding and internal headers', () => {
  const headers = headersOf([...hopByHop, ...credentials, ...forwarding, ...internal]);
  expect(passRequestHeaders(headers)).toEqual({});
  expect(passResponseHeaders(headers)).toEqual({});
});

test('passRequestHeaders and passResponseHeaders remove the headers that `Connection` names', () => {
  expect(passRequestHeaders({ connection: 'close, Prefer', prefer: 'a', accept: 'b' })).toEqual({ accept: 'b' });
  expect(passResponseHeaders({ connection: ['close', 'ETag'], etag: '"1"', link: '<a>' })).toEqual({ link: '<a>' });
});

test('passRequestHeaders and passResponseHeaders keep headers about the content, ranges, conditions and OData', () => {
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
  ['http://api.example.com/v1/Patients(1)', 'https://api.example.com/v1/Patients(1)'],
  // The bytes of UTF-8, each as one character, as Node reads headers.
  [Buffer.from("/v1/Patients('日')").toString('latin1'), "https://api.example.com/v1/Patients('%E6%97%A5')"],
  ["/v1/Patients('é')", "https://api.example.com/v1/Patients('%C3%A9')"],
])('passResponseHeaders passes on the location %s as %s', (location, expected) => {
  expect(passResponseHeaders({ location }, source).location).toBe(expected);
});

test('passResponseHeaders removes a repeated location, and joins other repeated headers', () => {
  const headers = { location: ['/v1/a', '/v1/b'], link: ['<a>', '<b>'] };
  expect(passResponseHeaders(headers, source)).toEqual({ link: '<a>, <b>' });
});

test.each([
  'https://storage.example.com/v1/file?signature=secret',
  '//evil.example/v1/x',
  'http://evil.example/v1/x',
  '/v2/Patients(1)',
  '../admin',
  'http://',
])('passResponseHeaders removes the location %s, which is not below the base URL', (location) => {
  expect(passResponseHeaders({ location }, source)).toEqual({});
});

test.each([
  ['https://api.example.com/v1/Patients?$skiptoken=a%20b', { path: '/Patients', query: '?$skiptoken=a%20b' }],
  ['HTTPS://API.example.com:443/v1/Patients#x', { path: '/Patients', query: '' }],
  ["https://api.example.com/v1/Patients('%2F')", { path: "/Patients('%2F')", query: '' }],
  // A vendor behind a proxy that ends TLS often writes such links. Only the path is used, and never this URL.
  ['http://api.example.com/v1/x?$skip=2', { path: '/x', query: '?$skip=2' }],
])('splitBelow returns for the link %j, which is below the base URL, %j', (link, expected) => {
  expect(splitBelow(link, source.baseUrl)).toEqual(expected);
});

test.each([
  'https://api.example.com/v1',
  'https://api.example.com/v10/Patients',
  'https://api.example.com/v1/../admin',
  'https://api.example.com/v1/%2e%2e/admin',
  'https://api.example.com\\@evil.example/v1/x',
  'https://user:password@api.example.com/v1/x',
  'https://api.example.com.evil.example/v1/x',
  'https://api.example.com:8443/v1/x',
  'http://api.example.com:8080/v1/x',
  'http://api.example.com:443/v1/x',
  'http://api.example.com.evil.example/v1/x',
  'ftp://api.example.com/v1/x',
  'javascript:alert(1)',
  '/v1/Patients',
])('splitBelow returns undefined for the link %s, which is not below the base URL', (link) => {
  expect(splitBelow(link, source.baseUrl)).toBeUndefined();
});

test.each([
  ['https://api.example.com/v1/x', 'http://127.0.0.1:8080/v1'],
  ['https://127.0.0.1/v1/x', 'http://127.0.0.1/v1'],
  ['http://api.example.com/v1/x', 'https://api.example.com:8443/v1'],
])('splitBelow returns undefined for the link %j, which is not below %j', (link, baseUrl) => {
  expect(splitBelow(link, baseUrl)).toBeUndefined();
});
