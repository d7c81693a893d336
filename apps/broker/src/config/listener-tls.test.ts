import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificateAuthority, hasOpenssl } from '../../test/support/certificate-authority.ts';
import { ConfigError } from './config-error.ts';
import { describeValidity, listCertificateWarnings, listenerTlsSchema } from './listener-tls.ts';
import { parseConfig } from './parse-config.ts';

let authority: Awaited<ReturnType<typeof createCertificateAuthority>>;
beforeAll(async () => {
  if (hasOpenssl) authority = await createCertificateAuthority();
});
afterAll(() => authority?.[Symbol.asyncDispose]());

const parse = (fields: object) =>
  parseConfig({
    issuers: [{ issuer: 'https://id.example.com', audiences: ['api'] }],
    vendors: { nudge: { apiKey: 'a' } },
    ...fields,
  });

/** Returns the problems of a configuration. */
function problemsOf(fields: object): readonly string[] {
  try {
    parse(fields);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe.skipIf(!hasOpenssl)('the certificate of a listener', () => {
  test.each(['listen', 'admin'])('%s.tls accepts a certificate with its key', async (name) => {
    const config = parse({ [name]: { tls: await authority.issue('broker.example.com') } });
    expect(config).toMatchObject({ [name]: { tls: { certificate: [expect.stringContaining('BEGIN CERTIFICATE')] } } });
  });

  test('listen.tls refuses the key of another certificate, and does not print it', async () => {
    const { certificate } = await authority.issue('broker.example.com');
    const { key } = await authority.issue('broker.example.com');
    const problems = problemsOf({ listen: { tls: { certificate, key } } });
    expect(problems).toEqual(['listen.tls.key: is not the key of this certificate']);
  });

  test('listen.tls refuses a key that TLS does not use because it is too short', async () => {
    const { certificate, key } = await authority.issueWithRsa(512, 'broker.example.com');
    const [problem = '', ...others] = problemsOf({ listen: { tls: { certificate, key } } });
    expect(problem).toMatch(/^listen\.tls\.certificate: cannot be used for TLS \(ERR_SSL_\w+\); issue a certificate/);
    expect(others).toEqual([]);
  });

  test.each([
    ['a missing key', { certificate: 'x' }, /listen\.tls\.key/],
    ['an unknown field', { passphrase: 'x' }, /listen\.tls.*passphrase/],
    ['a path in place of the text', { certificate: '/etc/tls.pem', key: 'x' }, /listen\.tls\.certificate: must be one/],
  ])('listen.tls refuses %s', (_title, tls, expected) => {
    expect(problemsOf({ listen: { tls } }).join('\n')).toMatch(expected);
  });

  test.each([
    [-1, 'not_yet_valid', 'is valid only from', true],
    [1, 'expires_soon', 'expires on', true],
    [4, 'expired', 'expired on', true],
  ])('describes a certificate for two days, at day %i, as %s', async (days, state, phrase, warns) => {
    const tls = listenerTlsSchema.parse(await authority.issue('broker.example.com'));
    const from = Date.parse(new X509Certificate(tls.certificate[0] ?? '').validFrom);
    const now = from + days * 86_400_000;
    expect(describeValidity(tls, now)).toMatchObject({ state, detail: expect.stringContaining(phrase) });
    const warnings = listCertificateWarnings({ listen: {}, admin: { tls } }, now);
    expect(warnings.map((warning) => warning.startsWith('admin.tls.certificate: '))).toEqual(warns ? [true] : []);
  });

  test('does not warn about a certificate that is valid for more than 14 days', async () => {
    const tls = listenerTlsSchema.parse(await authority.issueForDays(90)('broker.example.com'));
    expect(describeValidity(tls, Date.now()).state).toBe('valid');
    expect(listCertificateWarnings({ listen: { tls }, admin: {} }, Date.now())).toEqual([]);
  });
});
