import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { rsaPrivateKeySchema } from './private-key.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const pkcs1 = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
const base64 = Buffer.from(pkcs8).toString('base64');

test.each<[string, string]>([
  ['PKCS #8', pkcs8],
  ['PKCS #1', pkcs1],
  ['no line break at its end', pkcs8.trim()],
  ['white space around it', `\n  ${pkcs8}\t\n`],
  ['a byte order mark before it', `\uFEFF${pkcs8}`],
  ['line breaks as CR LF', pkcs8.replaceAll('\n', '\r\n')],
  ['line breaks as CR', pkcs8.replaceAll('\n', '\r')],
  ['line breaks as the two characters \\n', pkcs8.replaceAll('\n', '\\n')],
  ['line breaks as the four characters \\r\\n', pkcs8.replaceAll('\n', '\\r\\n')],
  ['line breaks as \\n that were escaped twice', pkcs8.replaceAll('\n', '\\\\n')],
  ['line breaks as \\n, in double quotes', `"${pkcs8.replaceAll('\n', '\\n')}"`],
  ['line breaks, in single quotes', `'${pkcs8}'`],
  ['quotes and white space around them', ` "${pkcs8}" \n`],
  ['spaces instead of line breaks', pkcs8.replaceAll('\n', ' ')],
  ['no line breaks at all', pkcs8.replaceAll('\n', '')],
  ['indented lines', pkcs8.replaceAll('\n', '\n    ')],
  ['other text before it', `Bag Attributes\n    friendlyName: client\n${pkcs8}`],
  ['the whole text in base64', base64],
  ['the whole text in base64, in lines', base64.replaceAll(/(.{76})/g, '$1\n')],
  ['the whole text in base64, in quotes', `"${base64}"`],
  ['the whole text with \\n in base64', Buffer.from(pkcs8.replaceAll('\n', '\\n')).toString('base64')],
  ['the whole text with a byte order mark in base64', Buffer.from(`\uFEFF${pkcs8}`).toString('base64')],
  ['other text before it, the whole in base64', Buffer.from(`Bag Attributes\n${pkcs8}`).toString('base64')],
  ['line breaks as \\n and slashes as \\/', pkcs8.replaceAll('\n', '\\n').replaceAll('/', '\\/')],
  ['a backslash at the end of each line', pkcs8.replaceAll('\n', '\\\n')],
])('a private key with %s is read', (_spelling, text) => {
  expect(rsaPrivateKeySchema.parse(text).equals(privateKey)).toBe(true);
});

const small = generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
const encrypted = { cipher: 'aes-256-cbc', passphrase: 'test' };

test.each<[string, string, RegExp]>([
  ['an empty text', '', /line breaks/],
  ['the first line alone', '-----BEGIN PRIVATE KEY-----', /no complete END line.*line breaks/],
  ['a text without its END line', pkcs8.slice(0, 800), /no complete END line.*line breaks/],
  ['a body without its BEGIN and END lines', pkcs8.split('\n').slice(1, -2).join('\n'), /BEGIN and END.*line breaks/],
  ['a body of other characters', pkcs8.replaceAll('\n', '|'), /line breaks/],
  ['a public key', publicKey.export({ type: 'spki', format: 'pem' }).toString(), /public key/],
  [
    'a key with a passphrase',
    privateKey.export({ type: 'pkcs8', format: 'pem', ...encrypted }).toString(),
    /passphrase/,
  ],
  [
    'an old key with a passphrase',
    privateKey.export({ type: 'pkcs1', format: 'pem', ...encrypted }).toString(),
    /passphrase/,
  ],
  ['a key of 1024 bits', small.toString(), /at least 2048 bits in PEM$/],
  ['a key on an elliptic curve', elliptic.toString(), /private RSA key/],
  ['a path', '/run/secrets/key.pem', /the name of a file.*\$\{file:path\}/],
  ['the name of a file', './nabla.key', /the name of a file.*\$\{file:path\}/],
  ['line breaks as \\n that lost their backslashes', pkcs8.replaceAll('\n', 'n'), /damaged.*line breaks/],
  [
    'a key of OpenSSH',
    '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n',
    /OpenSSH.*ssh-keygen -p -m PKCS8/,
  ],
])('%s is refused with a sentence that does not quote it', (_spelling, text, message) => {
  const { success, error } = rsaPrivateKeySchema.safeParse(text);
  expect(success).toBe(false);
  const [issue] = error?.issues ?? [];
  expect(issue?.message).toMatch(/^must be a private RSA key/);
  expect(issue?.message).toMatch(message);
  expect(issue?.message).not.toMatch(/[A-Za-z0-9+/]{20}/);
});
