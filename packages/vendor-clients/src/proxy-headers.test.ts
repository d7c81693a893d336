import { expect, test } from 'vitest';
import { passRequestHeaders, passResponseHeaders, proxyResponseHeaders } from './proxy-headers.ts';

const ofTheConnection = `connection keep-alive proxy-connection te trailer transfer-encoding upgrade`.split(' ');
const ofCredentials = `authorization proxy-authorization cookie x-api-key www-authenticate set-cookie`.split(' ');
const ofTheWay = `host forwarded via x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip`.split(' ');
const ofTheInside = `server location x-powered-by x-amzn-requestid x-amz-apigw-id date cache-control vary`.split(' ');
const of = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 'x']));

test('nothing of the connection, of credentials or of the way there is passed on', () => {
  const headers = of([...ofTheConnection, ...ofCredentials, ...ofTheWay, ...ofTheInside]);
  expect(passRequestHeaders(headers)).toEqual({});
  expect(passResponseHeaders(headers)).toEqual({});
});

test('what the two sides have to tell each other is', () => {
  const asked = of(
    `accept accept-encoding accept-language content-encoding content-language content-type if-match if-modified-since
     if-none-match if-unmodified-since odata-isolation odata-maxversion odata-version prefer`.split(/\s+/),
  );
  expect(passRequestHeaders(asked)).toEqual(asked);
  const answered = of(proxyResponseHeaders);
  expect(passResponseHeaders(answered)).toEqual(answered);
  expect(passRequestHeaders({ prefer: ['a', 'b'] })).toEqual({ prefer: 'a, b' });
});
