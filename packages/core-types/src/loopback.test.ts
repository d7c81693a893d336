import { expect, test } from 'vitest';
import { isLoopbackHost } from './loopback.ts';

test.each(['localhost', '127.0.0.1', '127.255.0.9', '[::1]'])('%s is a loopback host', (hostname) => {
  expect(isLoopbackHost(hostname)).toBe(true);
});

test.each(['localhost.example.com', '128.0.0.1', '127.0.0.1.example.com', '[::2]', '0.0.0.0', ''])(
  '%j is not a loopback host',
  (hostname) => {
    expect(isLoopbackHost(hostname)).toBe(false);
  },
);
