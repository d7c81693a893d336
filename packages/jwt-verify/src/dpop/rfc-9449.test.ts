import { expect, test } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { rejection } from '../testing/harness.ts';
import { createDpopNonces } from './dpop-nonces.ts';
import { checkPresentation } from './dpop-proof.ts';
import { createMemoryReplayStore } from './replay-store.ts';

/** The request of RFC 9449 section 7.1, and the thumbprint of its key from section 6.1. */
const example = {
  token: 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU',
  thumbprint: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I',
  method: 'GET',
  url: 'https://resource.example.org/protectedresource',
  iat: 1_562_262_618,
  proof: [
    'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik',
    'VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR',
    'nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE',
    'QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIj',
    'oiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0Z',
    'WRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNF',
    'c05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71E',
    'OptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA',
  ].join(''),
};

/** The defaults of `dpop`. */
const settings = {
  required: false,
  algorithms: ['ES256' as const, 'EdDSA' as const],
  maxAgeSeconds: 60,
  nonceRequired: false,
};

function present({ token, thumbprint, method, url, proof, iat }: typeof example): Promise<void> {
  const clock = createVirtualClock();
  const nowSeconds = () => iat + 1;
  return checkPresentation(
    {
      token,
      principal: { issuer: 'https://server.example.com', subject: 'someone@example.com' },
      binding: { thumbprint, settings, clockToleranceSeconds: 5 },
    },
    { proof, method, url },
    {
      nowSeconds,
      nonces: createDpopNonces(new Uint8Array(32), nowSeconds),
      replayStore: createMemoryReplayStore(clock),
    },
  );
}

test('the proof of RFC 9449 section 7.1 is accepted for its own request', async () => {
  await expect(present(example)).resolves.toBeUndefined();
});

test.each([
  ['token', `${example.token}x`],
  ['thumbprint', 'x'],
  ['method', 'POST'],
  ['url', 'https://resource.example.org/other'],
  ['iat', example.iat + 66],
  ['proof', `${example.proof.slice(0, -2)}AA`],
] as const)('the proof of RFC 9449 section 7.1 is refused with another %s', async (field, value) => {
  expect(await rejection(present({ ...example, [field]: value }))).toMatchObject({
    cause: { type: 'dpop', error: 'invalid_dpop_proof' },
  });
});
