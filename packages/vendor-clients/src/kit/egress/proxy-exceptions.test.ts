import { expect, test } from 'vitest';
import { isProxyException, proxyExceptionSchema } from './proxy-exceptions.ts';

const isException = (url: string, ...entries: string[]): boolean =>
  isProxyException(
    new URL(url),
    entries.map((entry) => proxyExceptionSchema.parse(entry)),
  );

test.each([
  ['*', 'https://a.example.com'],
  ['*', 'https://8.8.8.8'],
  ['*', 'https://[2606:4700::1]'],
  ['example.com', 'https://example.com'],
  ['example.com', 'https://a.b.example.com'],
  ['Example.COM.', 'https://a.example.com.'],
  ['.example.com', 'https://a.example.com'],
  ['.example.com', 'https://example.com'],
  ['*.example.com', 'https://a.example.com'],
  ['intranet', 'https://intranet'],
  ['_srv.example.com', 'https://_srv.example.com'],
  ['example.com:443', 'https://a.example.com'],
  ['example.com:8443', 'https://a.example.com:8443'],
  ['.example.com:8443', 'https://a.example.com:8443'],
  ['10.1.2.3', 'https://10.1.2.3'],
  ['10.1.2.3', 'https://0xa.1.2.3'],
  ['10.1.2.3', 'https://[::ffff:10.1.2.3]'],
  ['10.1.2.3:8443', 'https://10.1.2.3:8443'],
  ['10.0.0.0/8', 'https://10.1.2.3'],
  ['10.1.2.3/8', 'https://10.255.0.1:8443'],
  ['0.0.0.0/0', 'https://8.8.8.8'],
  ['fd12::1', 'https://[fd12::1]'],
  ['[fd12::1]', 'https://[fd12:0::1]:8443'],
  ['[fd12::1]:8443', 'https://[fd12::1]:8443'],
  ['FD00::/8', 'https://[fd12::1]'],
])('the exception %s covers %s', (entry, url) => {
  expect(isException(url, entry)).toBe(true);
  expect(isException(url, 'unused.example.net', '192.0.2.0/24', entry)).toBe(true);
});

test.each([
  ['example.com', 'https://notexample.com'],
  ['example.com', 'https://example.com.evil.net'],
  ['a.example.com', 'https://example.com'],
  ['example.com:8443', 'https://example.com'],
  ['example.com:443', 'https://example.com:8443'],
  ['10.1.2.3', 'https://10.1.2.4'],
  ['10.1.2.3:8443', 'https://10.1.2.3'],
  ['10.0.0.0/8', 'https://11.0.0.1'],
  ['10.0.0.0/8', 'https://[fd12::1]'],
  // No name is resolved to compare its addresses.
  ['10.0.0.0/8', 'https://ten.example.com'],
  ['0.0.0.0/0', 'https://example.com'],
  ['0.0.0.0/0', 'https://[fd12::1]'],
  ['[fd12::1]:8443', 'https://[fd12::1]'],
  ['fd00::/8', 'https://[2606:4700::1]'],
])('the exception %s does not cover %s', (entry, url) => {
  expect(isException(url, entry)).toBe(false);
});

test('no exception covers no host', () => {
  expect(isException('https://example.com')).toBe(false);
});

test.each([
  '',
  ' ',
  '.',
  '*.',
  '**',
  '*:443',
  'a*.example.com',
  'a.*.example.com',
  '10.*',
  '10.1',
  '10.1.',
  '10',
  '010.0.0.1',
  '10.0.0.0/33',
  '10.0.0.0/8:443',
  '10.0/16',
  '10.0.0.0/',
  '10.0.0.0/255.0.0.0',
  'fd00::/129',
  '[fd00::]/8',
  '[fd12::1',
  'fd12::1%eth0',
  '[fd12::1]:0',
  'example.com/8',
  'example.com:',
  'example.com:0',
  'example.com:65536',
  'example.com:https',
  'https://example.com',
  'user@example.com',
  'example.com/path',
  'two words',
  'a,b',
  'a..b',
  '<local>',
])('%j is refused as an exception', (entry) => {
  const { error } = proxyExceptionSchema.safeParse(entry);
  expect(error?.issues.map(({ message }) => message)).toEqual([
    'must be `*`, a host name or an address, each with an optional port, or a network such as 10.0.0.0/8',
  ]);
});
