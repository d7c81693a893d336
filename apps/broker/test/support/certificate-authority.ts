import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isProgramAvailable } from './required-program.ts';

const run = promisify(execFile);

/** Whether `openssl` is installed, with which a {@link createCertificateAuthority} signs. */
export const hasOpenssl = await isProgramAvailable({
  name: 'openssl',
  probe: () => run('openssl', ['version']),
  remediation: 'Install OpenSSL.',
});

/** A certificate with its private key, both in PEM. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Creates a private certificate authority in a folder of its own. */
export async function createCertificateAuthority() {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-ca-'));
  const file = (name: string) => join(folder, name);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const request = (...parameters: string[]) => run('openssl', ['req', '-x509', ...newKey, '-days', '2', ...parameters]);
  await request('-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=Private Authority');
  let issued = 0;
  const issueFor =
    (days: number, newKeyOfCertificate = newKey) =>
    async (...names: string[]): Promise<IssuedCertificate> => {
      issued += 1;
      const [key, certificate, extensions] = [`${issued}.key`, `${issued}.pem`, `${issued}.ext`].map(file) as [
        string,
        string,
        string,
      ];
      await writeFile(extensions, `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`);
      const { stdout: signingRequest } = await run('openssl', [
        'req',
        '-new',
        ...newKeyOfCertificate,
        '-keyout',
        key,
        '-subj',
        `/CN=${names[0] ?? ''}`,
      ]);
      await writeFile(file(`${issued}.csr`), signingRequest);
      await run('openssl', [
        'x509',
        '-req',
        '-days',
        String(days),
        '-in',
        file(`${issued}.csr`),
        '-out',
        certificate,
        '-extfile',
        extensions,
        '-CA',
        file('ca.pem'),
        '-CAkey',
        file('ca.key'),
        '-set_serial',
        String(issued),
      ]);
      return { certificate: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
    };
  return {
    /** The path of the authority's own certificate. */
    caFile: file('ca.pem'),
    ca: await readFile(file('ca.pem'), 'utf8'),
    /** Issues a certificate for host names, for servers and clients. */
    issue: issueFor(2),
    /** Issues a certificate that is valid for this many days. */
    issueForDays: (days: number) => issueFor(days),
    /** Issues a certificate whose RSA key has this many bits. */
    issueWithRsa: (bits: number, name: string) => issueFor(2, ['-newkey', `rsa:${bits}`, '-nodes'])(name),
    /** Issues a certificate that has expired. */
    issueExpired: issueFor(-1),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
