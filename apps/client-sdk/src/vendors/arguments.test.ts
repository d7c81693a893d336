import { expect, test } from 'vitest';
import type { ValetClient } from '../client/client.ts';
import * as sdk from '../index.ts';
import { vitalCore } from '../testing/vital.ts';
import type { VitalCore } from './vital-device.ts';

const { core } = vitalCore();

const withoutClient: [string, (valet: ValetClient) => unknown][] = [
  ['nablaSessionTokens', (valet) => sdk.nablaSessionTokens(valet)],
  ['nudgeRefreshToken', (valet) => sdk.nudgeRefreshToken(valet)],
  ['nymblFetch', (valet) => sdk.nymblFetch(valet)],
  ['vitalAuthenticate', (valet) => sdk.vitalAuthenticate(valet)],
  ['vitalReconcile', (valet) => sdk.vitalReconcile(valet, core)],
  ['vitalSignInToken', (valet) => sdk.vitalSignInToken(valet)],
];

test.each(withoutClient)('%s throws a TypeError that names it when it receives no client', (name, create) => {
  for (const value of [undefined, null, 'client', {}]) {
    expect(() => create(value as unknown as ValetClient)).toThrow(new RegExp(`^${name}: the first argument must be`));
  }
});

test("vitalReconcile throws a TypeError that names the function that the object for Vital's SDK lacks", () => {
  const valet = sdk.createValetClient({ brokerUrl: 'https://broker.example', getAppToken: () => null });

  for (const value of [undefined, null, 'core', { ...core, signOut: undefined }]) {
    expect(() => sdk.vitalReconcile(valet, value as unknown as VitalCore)).toThrow(/second argument must have .*`/);
  }
});

test("vitalReconcile accepts a function with functions of its own, as the class of Vital's SDK for React Native is", async () => {
  const valet = sdk.createValetClient({ brokerUrl: 'https://broker.example', getAppToken: () => null });
  const Core = Object.assign(() => undefined, core);

  expect(await sdk.vitalReconcile(valet, Core)()).toBe('unchanged');
});
