import { expect, test } from 'vitest';
import { startDevBroker } from '../support/dev-broker.ts';

test('the metrics name only configured connections, contain no subject and no token, and are absent from the app listener', async () => {
  const dev = await startDevBroker();
  try {
    const alice = await dev.mintToken({ sub: 'alice' });
    await dev.issue('nabla', alice);
    await dev.issue('made-up-connection', alice);
    const response = await fetch(`${dev.adminUrl}/metrics`);
    const text = await response.text();
    expect(response.headers.get('content-type')).toContain('text/plain');
    expect(text).toMatch(
      /valetkey_decisions_total\{operation="issue",connection="nabla",vendor="nabla",outcome="allowed"\} [1-9]/,
    );
    expect(text).toMatch(
      /valetkey_decisions_total\{operation="issue",connection="unknown",vendor="unknown",outcome="unknown_vendor"\} [1-9]/,
    );
    expect(text).toMatch(/valetkey_identity_key_fetches_total\{.*outcome="succeeded"\} 1/);
    expect(text).not.toMatch(/alice|made-up|eyJ|sandbox-only/);
    expect((await dev.call('/metrics')).status).toBe(404);
  } finally {
    await dev.close();
  }
});
