import { expect, test } from 'vitest';
import { devBanner } from './banner.ts';

const dev = {
  brokerUrl: 'http://127.0.0.1:18787',
  adminUrl: 'http://127.0.0.1:18788',
  sandboxUrl: 'http://127.0.0.1:18790',
  simulated: ['Nabla', 'Nudge'],
  catalog: ['Ably', 'Ably JWT', ...Array.from({ length: 30 }, (_, index) => `Vendor${index} Rooms`)],
  close: async () => undefined,
};

test.each([
  ['linux', 'curl'],
  ['darwin', 'curl'],
  // In Windows PowerShell, `curl` is an alias of another command.
  ['win32', 'curl.exe'],
] as const)(
  'the banner of dev on %s has commands that call `%s`, in lines of at most 80 columns',
  (platform, program) => {
    const lines = devBanner(dev, platform).split('\n');
    const commands = lines.filter((line) => /^ +curl/.test(line));
    expect(commands.map((line) => line.trim().split(' ')[0])).toEqual([program, program]);
    expect(lines.filter(({ length }) => length > 80)).toEqual([]);
  },
);

test('the banner of dev counts the vendors of the catalog in one line, and names some of them once', () => {
  const [line, ...others] = devBanner(dev)
    .split('\n')
    .filter((text) => text.includes('catalog'));
  expect(others).toEqual([]);
  expect(line).toMatch(/^ {13}and 32 vendors of the catalog: Ably, Vendor0, (?:Vendor\d+, )+…$/);
});
