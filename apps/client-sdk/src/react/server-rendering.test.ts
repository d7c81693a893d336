// @vitest-environment happy-dom
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createElement, StrictMode, type ReactNode } from 'react';
import { hydrateRoot } from 'react-dom/client';
import { renderToPipeableStream, renderToString } from 'react-dom/server';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { ValetClient } from '../client/client.ts';
import { createSession } from '../session/session.ts';
import { memoryStorage } from '../storage/memory-storage.ts';
import { page, settle } from '../testing/react.ts';
import { createFakeVendor } from '../testing/session-vendor.ts';
import { createTokenBroker } from '../testing/token-broker.ts';
import { useLogin, useSession, useValet, useVendorToken, ValetProvider, type ObservableLogin } from '../react.ts';

const login: ObservableLogin = {
  sessionState: 'AUTHENTICATED',
  user: { issuer: 'https://identity.example', subject: 'alice' },
  onSessionStateChange: () => () => undefined,
  configure: async () => undefined,
};

async function createApp() {
  const broker = createTokenBroker();
  const session = createSession(createFakeVendor().vendor, { storage: memoryStorage() });
  await session.signIn('ticket-of-alice');
  function Shown({ valet }: { readonly valet: ValetClient }) {
    const { status, refresh } = useVendorToken(valet, 'nudge');
    // A refresh during the first rendering does nothing.
    if (status === 'loading') refresh();
    return createElement('p', null, [status, useSession(session).status, useLogin(login).sessionState].join(' '));
  }
  const Provided = () => createElement(Shown, { valet: useValet() });
  const provided = createElement(ValetProvider, { client: broker.valet }, createElement(Provided));
  // React warns if a server and a browser render one context in the same process.
  const app = createElement(StrictMode, null, createElement(Shown, { valet: broker.valet }));
  return { ...broker, provided, app };
}

async function renderOnServer(app: ReactNode): Promise<string> {
  const output = new PassThrough();
  const { pipe } = renderToPipeableStream(app, { onAllReady: () => void pipe(output) });
  return text(output);
}

test('a server renders the loading state and sends no request', async () => {
  const { provided, app, requests, scheduledCount } = await createApp();

  const html = await renderOnServer(app);

  expect(html).toBe('<p>loading unknown UNKNOWN</p>');
  expect(renderToString(provided)).toBe(html);
  expect([requests.length, scheduledCount()]).toEqual([0, 0]);
});

test('a page from a server hydrates without a mismatch and then requests the token once', async () => {
  const { app, requests } = await createApp();
  const errors = vi.spyOn(console, 'error');
  const container = page().createElement('div');
  container.innerHTML = await renderOnServer(app);
  const mismatches: unknown[] = [];
  const onRecoverableError = (error: unknown) => void mismatches.push(error);

  const roots: { readonly unmount: () => void }[] = [];
  await settle(() => roots.push(hydrateRoot(container as never, app, { onRecoverableError })));
  onTestFinished(() => settle(() => roots[0]?.unmount()));

  expect(container.textContent).toBe('ready signed_in AUTHENTICATED');
  expect(requests).toHaveLength(1);
  expect(mismatches).toEqual([]);
  expect(errors).not.toHaveBeenCalled();
});

test('useValet throws outside of a ValetProvider', () => {
  function Lost() {
    useValet();
    return null;
  }

  expect(() => renderToString(createElement(Lost))).toThrow(/no `ValetProvider` is around this component/);
});
