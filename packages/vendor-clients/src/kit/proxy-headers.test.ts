import { expect, test } from 'vitest';
import { passRequestHeaders, passResponseHeaders, proxyResponseHeaders } from './proxy-headers.ts';

const hopByHop = `connection keep-alive proxy-connection te trailer transfer-encoding upgrade`.split(' ');
const credentials = `authorization proxy-authorization cookie x-api-key www-authenticate set-cookie`.split(' ');
const forwarding = `host forwarded via x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip`.split(' ');
const internal = `server location x-powered-by x-amzn-requestid x-amz-apigw-id date cache-control vary`.split(' ');
const headersOf = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 'x']));

test('hop-by-hop headers, credentials, forwarding and internal headers are not passed on in either direction', () => {
  const headers = headersOf([...hopByHop, ...credentials, ...forwarding, ...internal]);
  expect(passRequestHeaders(headers)).toEqual({});
  expect(passResponseHeaders(headers)).toEqual({});
});

test('headers about the content, conditions and OData are passed on', () => {
  const request = headersOf(
    `accept accept-encoding accept-language content-encoding content-language content-type if-match if-modified-since
     if-none-match if-unmodified-since odata-isolation odata-maxversion odata-version prefer`.split(/\s+/),
  );
  expect(passRequestHeaders(request)).toEqual(request);
  const response = headersOf(proxyResponseHeaders);
  expect(passResponseHeaders(response)).toEqual(response);
  expect(passRequestHeaders({ prefer: ['a', 'b'] })).toEqual({ prefer: 'a, b' });
});
