import { describeDecision } from '../../src/cli/dev-lines.ts';
import { expect, test } from 'vitest';
import { readProblemCodes, useAttackedBroker } from '../support/attacked-broker.ts';

const attacked = useAttackedBroker();
const close = 'Connection: close\r\n';

test('ignores a token in a trailer', async () => {
  const fields = `Host: ${attacked.host}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n`;
  const head = `POST /v1/vendors/nudge/token HTTP/1.1\r\n${fields}Trailer: authorization\r\n${close}\r\n`;
  const body = `2\r\n{}\r\n0\r\nAuthorization: Bearer ${attacked.alice}\r\n\r\n`;
  expect(readProblemCodes(await attacked.send(head + body))).toEqual(['missing_token']);
});

test.each([
  'x-valetkey-user-id: bob',
  'x-valetkey-session-valid: true',
  'x_valetkey_user_id: bob',
  'x-authgear-user-id: bob',
  'x-forwarded-user: bob',
  'x-user: bob',
  'x-forwarded-for: 127.0.0.1',
  'forwarded: for=127.0.0.1',
  'x-forwarded-uri: /healthz',
  'x-original-url: /healthz',
  'x-rewrite-url: /healthz',
  'x-http-method-override: GET',
  'user-agent: kube-probe/1.31',
  'user-agent: GoogleHC/1.0',
  '__proto__: bob',
  'constructor: bob',
  'cookie: session=bob',
])('the header "%s" changes neither the identity of a caller nor the route', async (field) => {
  const { host, aliceHeaders, send } = attacked;
  const withoutToken = await send(`GET /v1/resolve HTTP/1.1\r\nHost: ${host}\r\n${field}\r\n${close}\r\n`);
  expect(withoutToken.statuses).toEqual([200]);
  expect(withoutToken.text).not.toMatch(/x-valetkey-|bob/);
  const refused = await send(`GET /v1/session HTTP/1.1\r\nHost: ${host}\r\n${field}\r\n${close}\r\n`);
  expect(readProblemCodes(refused)).toEqual(['missing_token']);
  const withToken = await send(`GET /v1/resolve HTTP/1.1\r\n${aliceHeaders}${field}\r\n${close}\r\n`);
  expect(withToken.text).toContain('x-valetkey-user-id: alice\r\n');
  expect(withToken.text).not.toContain('bob');
});

const similarSubjects = [
  'é',
  'e\u0301',
  'E\u0301',
  'eve',
  'Eve',
  'eve ',
  ' eve',
  'eve\u0000',
  'eve|a',
  'eve:a',
  '__proto__',
  'constructor',
  '../../eve',
  '%2e%2e%2feve',
  '%65ve',
  'eve\r\nX: y',
  '😀',
  '\ufffd',
  'e'.repeat(255),
];

test('issues a token for the exact subject, and creates a separate vendor user, for each of 19 similar subjects', async () => {
  const { sandbox, broker } = attacked;
  const vitalUserIds = new Set<string>();
  for (const sub of similarSubjects) {
    const token = await sandbox.mintUserToken({ sub });
    const nabla = (await (await broker.issue('nabla', token)).json()) as { access_token: string };
    const payload = Buffer.from(nabla.access_token.split('.')[1] ?? '', 'base64url').toString();
    expect((JSON.parse(payload) as { sub: string }).sub).toBe(sub);
    vitalUserIds.add(((await (await broker.issue('vital', token)).json()) as { user_id: string }).user_id);
  }
  expect(vitalUserIds.size).toBe(similarSubjects.length);
});

test('writes a subject with line breaks into one response header and one log line', async () => {
  const { sandbox, broker, host, send } = attacked;
  const linesBefore = broker.logLines().length;
  const sub = 'mallory\r\nx-valetkey-user-id: root\n{"level":60}\u2028\u2029\u001b[31m\u0085\u0000%0d%0a end ';
  const mallory = await sandbox.mintUserToken({ sub });
  const response = await send(
    `GET /v1/resolve HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${mallory}\r\n${close}\r\n`,
  );
  const [head = ''] = response.text.split('\r\n\r\n');
  const userIds = head.split('\r\n').filter((line) => line.startsWith('x-valetkey-user-id'));
  expect(userIds.map((line) => decodeURIComponent(line.slice('x-valetkey-user-id: '.length)))).toEqual([sub]);
  await broker.issue('nowhere', mallory);
  for (const line of broker.logLines().slice(linesBefore)) {
    expect(JSON.parse(line)).toMatchObject({ level: expect.any(Number) });
  }
  expect(broker.logLines().join('\n')).not.toContain('\u001b');
});

test('writes well-formed log lines without control characters, whatever a caller sends in a token, path, header or body', async () => {
  const { broker, alice } = attacked;
  const hostile = 'x\u2028y\u0085z\u009b31m\u001b[31m"}{"level":60';
  const linesBefore = broker.logLines().length;
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = encode({ alg: 'RS256', kid: `${hostile}\r\n` });
  const forgedToken = `${header}.${encode({ iss: `${hostile}\r\n`, sub: hostile })}.AAAA`;
  await broker.call('/v1/session', forgedToken, { headers: { 'user-agent': 'x\u00ff"}{' } });
  await broker.call(`/v1/${encodeURIComponent(`${hostile}\r\n{"level":60}`)}`);
  await broker.issue(encodeURIComponent(`${hostile}\r\n{"level":60}`), alice);
  await broker.issue('nudge', alice, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ [`${hostile}\r\n`]: 1 }),
  });
  const lines = broker.logLines().slice(linesBefore);
  expect(lines.length).toBeGreaterThan(3);
  for (const line of lines) {
    expect((JSON.parse(line) as { level: number }).level).toBeLessThan(60);
    // oxlint-disable-next-line no-control-regex
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  }
});

test('`valetkey dev` prints a decision in printable ASCII, whatever the subject and the connection are', () => {
  const hostile = '\u001b]0;owned\u0007\r\n\u2028';
  const line = describeDecision({
    at: '2026-01-01T00:00:00.000Z',
    requestId: 'r',
    operation: 'issue',
    connection: `v${hostile}`,
    issuer: 'https://id.example',
    subject: `s${hostile}`,
    vendorUserId: `u${hostile}`,
    outcome: 'unknown_vendor',
  });
  expect(line).toMatch(/^[\x20-\x7e]+$/);
});
