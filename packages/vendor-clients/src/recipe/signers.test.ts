import { expect, test } from 'vitest';
import type { DoorCall, Operation } from '../kit/door/door.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { startVendorServer } from '../testing/vendor-server.ts';
import { writeAgoraToken } from './agora-token.ts';
import { compileRequest } from './compile-request.ts';
import { defineRecipe } from './define-recipe.ts';
import { recipeSchema, type RecipeInput } from './recipe-schema.ts';

test('a token of Agora is the one that agora-token 2.0.6 writes', () => {
  const token = writeAgoraToken({
    appId: '0123456789abcdef0123456789abcdef',
    certificate: 'fedcba9876543210fedcba9876543210',
    channel: 'lobby',
    user: 'alice',
    privileges: ['join', 'publish-audio', 'publish-video', 'publish-data'],
    issuedAtSeconds: 1_795_800_000,
    lifeSeconds: 600,
    salt: 86331156,
  });
  expect(token).toBe(
    '007eJxTYPB//+p03kq10MufxYr6ZB76cjyZrm5or746yGKWheDa3CAFBgNDI2MTUzNzC8vEpOSU1DR0/oHdnNkRTAwMIv6qrIwMjAwsDIwMID4TmGQGkyxgkpUhJz8pqZKVITEnMzkVAINuH+M=',
  );
});

test('a recipe writes a token of Agora with a salt of its own', async () => {
  const vendor = defineRecipe({
    id: 'channels',
    title: 'Channels',
    secrets: { certificate: { description: 'The certificate.' } },
    options: { appId: { description: 'The id.' } },
    parameters: { channel: { description: 'The channel.', from: 'caller', authorize: true } },
    subject: { characters: 'A-Za-z0-9_-', max: 255, otherwise: 'hash' },
    binding: 'user',
    keep: 'never',
    life: { default: 600, max: 86_400 },
    steps: [
      {
        as: 'token',
        codec: {
          codec: 'agora-007',
          appId: '{options.appId}',
          certificate: '{secrets.certificate}',
          channel: '{parameters.channel}',
          user: '{user.id}',
          privileges: ['join'],
        },
      },
    ],
    answer: { token: { token: '{token}' }, expiry: 'asked' },
  });
  const client = vendor.createClient({ certificate: 'sample-certificate', appId: 'sample-app' });
  const request = { userId: 'alice', parameters: { channel: 'lobby' } };
  const [one, other] = await Promise.all([client.issue(request), client.issue(request)]);
  const [first, second] = [one, other].map(({ fields }) =>
    String((fields['token'] as { reveal: () => string }).reveal()),
  );
  await client.close();
  expect(first).toMatch(/^007[A-Za-z0-9+/]+=*$/);
  expect(second).not.toBe(first);
});

const voices: RecipeInput = {
  id: 'voices',
  title: 'Voices',
  secrets: { clientSecret: { description: 'The secret.' } },
  options: { clientId: { description: 'The id.' } },
  service: {
    tokenUrl: 'https://id.voices.example/token',
    clientId: '{options.clientId}',
    clientSecret: '{secrets.clientSecret}',
    scope: 'mint',
  },
  baseUrl: 'https://api.voices.example',
  binding: 'account',
  keep: 'never',
  steps: [
    {
      as: 'mint',
      http: { method: 'POST', path: '/tokens', headers: { authorization: 'Bearer {service.token}' }, read: 'xml' },
    },
  ],
  answer: { token: { token: '{mint.client-token.value}' }, expiry: 'unknown' },
  sample: { mint: {} },
};

test('a recipe requests an access token once, keeps it, and reads XML without entities', async () => {
  const grant = { access_token: 'granted-sample', token_type: 'Bearer', expires_in: 300 };
  await using server = await startVendorServer({ json: grant });
  const xml = '<!DOCTYPE x [<!ENTITY e "evil">]><client-token><value>007&e;</value></client-token>';
  await using vendorServer = await startVendorServer({ headers: { 'content-type': 'application/xml' }, text: xml });
  const connection = { clientSecret: 'sample-secret', clientId: 'sample-id' };
  const client = defineRecipe(voices).createClient({ ...connection, tokenUrl: server.url, baseUrl: vendorServer.url });
  const tokens = [await client.issue(), await client.issue()];
  await client.close();

  expect(tokens.map(({ fields }) => (fields['token'] as { reveal: () => string }).reveal())).toEqual([
    '007&e;',
    '007&e;',
  ]);
  expect(server.calls.map(({ body }) => body)).toEqual([
    'grant_type=client_credentials&client_id=sample-id&client_secret=sample-secret&scope=mint',
  ]);
  expect(vendorServer.calls.map(({ headers }) => headers['authorization'])).toEqual([
    'Bearer granted-sample',
    'Bearer granted-sample',
  ]);
});

test.each([
  ['the five names of XML', 'a&amp;b&lt;c&gt;d&quot;e&apos;f', `a&b<c>d"e'f`],
  ['numbers', '&#65;&#x42;&#x1F511;', 'AB\u{1F511}'],
  ['an escaped reference', '&amp;lt;', '&lt;'],
  ['CDATA', '<![CDATA[a&amp;b]]>', 'a&amp;b'],
  ['numbers that are no character', '&#0;&#xD800;&#x110000;', '&#0;&#xD800;&#x110000;'],
])('a recipe reads a text of XML with %s as it is meant', async (_, written, read) => {
  await using server = await startVendorServer({ json: { access_token: 'granted-sample', token_type: 'Bearer' } });
  await using vendorServer = await startVendorServer({
    text: `<client-token><value>${written}</value></client-token>`,
  });
  const connection = { clientSecret: 'sample-secret', clientId: 'sample-id' };
  const client = defineRecipe(voices).createClient({ ...connection, tokenUrl: server.url, baseUrl: vendorServer.url });
  const { fields } = await client.issue();
  await client.close();
  expect((fields['token'] as { reveal: () => string }).reveal()).toBe(read);
});

test('a response that is no XML is refused', async () => {
  await using server = await startVendorServer({ json: { access_token: 'granted-sample', token_type: 'Bearer' } });
  await using vendorServer = await startVendorServer({ text: '<open>' });
  const connection = { clientSecret: 'sample-secret', clientId: 'sample-id' };
  const client = defineRecipe(voices).createClient({ ...connection, tokenUrl: server.url, baseUrl: vendorServer.url });
  await expect(client.issue()).rejects.toMatchObject({ code: 'vendor_response_invalid', reason: 'not_xml' });
  await client.close();
});

// The request `get-vanilla` of AWS's own test suite for Signature Version 4.
test('a request is signed as the test suite of AWS signs it', async () => {
  const { http } = {
    http: {
      method: 'GET',
      path: '/',
      sign: {
        signer: 'aws-sigv4',
        service: 'service',
        region: 'us-east-1',
        accessKeyId: 'AKIDEXAMPLE',
        secretAccessKey: '{key}',
      },
    },
  } as const;
  const request = recipeSchema.shape.verify.unwrap().parse(http);
  const clock = createVirtualClock(Date.UTC(2015, 7, 30, 12, 36, 0));
  const vendor = { id: 'aws', title: 'AWS' };
  const settings = {
    meanings: {},
    baseUrl: 'https://example.amazonaws.com',
    clock,
    vendor,
    responses: new Set<string>(),
  };
  const send = compileRequest(request, settings);
  const calls: DoorCall[] = [];
  const operation = {
    send: async (call: DoorCall) => {
      calls.push(call);
      return { body: Buffer.from('{}'), headers: {}, status: 200, vendor };
    },
  } as unknown as Operation;
  await send({ key: ['wJalrXUtnFEMI/K7MDENG', 'bPxRfiCYEXAMPLEKEY'].join('+') }, operation);

  expect(calls[0]?.headers).toEqual({
    authorization:
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
    'x-amz-date': '20150830T123600Z',
  });
});
