// @vitest-environment happy-dom
import { createElement } from 'react';
import { expect, test } from 'vitest';
import type { IssueParameters } from '../call-options.ts';
import type { ValetClient } from '../client.ts';
import { createProbe, mount, settle } from '../testing/react.ts';
import { createTokenBroker } from '../testing/token-broker.ts';
import { useVendorToken } from './use-vendor-token.ts';

interface Properties {
  readonly valet: ValetClient;
  readonly connection?: string;
  readonly parameters?: IssueParameters;
}

const createTokenProbe = () =>
  createProbe(({ valet, connection = 'nudge', parameters }: Properties) =>
    useVendorToken<{ token: string }>(valet, connection, parameters),
  );

test('useVendorToken is loading at first and then returns the token, which stays the same object', async () => {
  const { valet, requests } = createTokenBroker();
  const { Probe, seen, last } = createTokenProbe();

  const { render } = await mount(createElement(Probe, { valet }));
  const first = last();
  await render(createElement(Probe, { valet, parameters: {} }));

  expect(seen[0]).toMatchObject({ status: 'loading', response: undefined, error: undefined });
  expect(first).toMatchObject({ status: 'ready', response: { token: 'token-1 of nudge' }, error: undefined });
  expect(last()).toBe(first);
  expect(requests).toHaveLength(1);
});
