import { expect, test } from 'vitest';
import { ConfigError } from '../config/config-error.ts';
import { openStore } from './open-store.ts';

test('openStore throws a ConfigError that names `store.sqlite` and no path if the file cannot be opened', () => {
  const open = () => openStore({ sqlite: '/dev/null/canary-c81d' });
  expect(open).toThrow(ConfigError);
  expect(open).toThrow(
    expect.objectContaining({ problems: [expect.stringMatching(/^store\.sqlite: cannot be opened/)] }),
  );
  expect(open).not.toThrow('canary');
});
