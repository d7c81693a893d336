import { expect, test } from 'vitest';
import { createVerificationLoad, type Place } from './verification-load.ts';

const rs256 = 23;

test('choose() sends a check that takes long to the pool', () => {
  expect(createVerificationLoad().choose(151)).toBe('pool');
});

test('choose() keeps the first of many calls in one tick on the thread of the caller, and sends the others to the pool', async () => {
  const load = createVerificationLoad();
  const places = Array.from({ length: 32 }, () => load.choose(rs256));
  expect(places.lastIndexOf('caller')).toBe(4);
  expect(places.indexOf('pool')).toBe(5);
  await Promise.resolve();
  expect(load.choose(rs256)).toBe('caller');
});

test('choose() sends every check to the pool while many are under way there', () => {
  const load = createVerificationLoad();
  for (let count = 0; count < 5; count += 1) load.start();
  expect(load.choose(rs256)).toBe('pool');
  load.end();
  expect(load.choose(rs256)).toBe('caller');
});

test('choose() lets one caller after another wait for the next turn once the checks have held the event loop for 500 µs', async () => {
  const load = createVerificationLoad();
  const chooseAlone = async (): Promise<Place> => {
    await Promise.resolve();
    return load.choose(100);
  };
  for (let count = 0; count < 5; count += 1) expect(await chooseAlone()).toBe('caller');
  expect(await chooseAlone()).toBe('later');
  load.start();
  expect(load.choose(20)).toBe('pool');
  load.end();
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect(await chooseAlone()).toBe('caller');
});
