import { expect, test } from 'vitest';
import { findCacheFolder } from './compile-cache.ts';

test.each([
  ['VALETKEY_COMPILE_CACHE', { VALETKEY_COMPILE_CACHE: '/a', CACHE_DIRECTORY: '/b', HOME: '/home/c' }, '/a'],
  ['the first folder of CACHE_DIRECTORY', { CACHE_DIRECTORY: '/b:/c', HOME: '/home/c' }, '/b/compiled'],
  ['XDG_CACHE_HOME', { XDG_CACHE_HOME: '/x', HOME: '/home/c' }, '/x/valetkey'],
  ['HOME', { HOME: '/home/c' }, '/home/c/.cache/valetkey'],
])('keeps the compiled code in the folder of %s', (_, environment, folder) => {
  expect(findCacheFolder(environment)).toBe(folder);
});

test.each([
  ['VALETKEY_COMPILE_CACHE is off', { VALETKEY_COMPILE_CACHE: 'off', HOME: '/home/c' }],
  ['the environment names no folder', {}],
])('keeps no compiled code if %s', (_, environment) => {
  expect(findCacheFolder(environment)).toBeUndefined();
});
