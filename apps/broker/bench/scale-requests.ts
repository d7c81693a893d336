import { createBroker } from '../src/create-broker.ts';
import { createTokenIssuer } from '../test/support/token-issuer.ts';
import type { Case, Subject } from './scale-cases.ts';
import { knownPrincipal, subjectOf } from './scale-fill.ts';

const maxUsers = 500;

/** Opens a broker over a store. It mints LiveKit's tokens itself, so that no vendor is part of the measurement. */
function openBroker({ store, users }: Subject) {
  const tokens = createTokenIssuer(knownPrincipal.issuer);
  const broker = createBroker(
    {
      log: { level: 'silent' },
      audit: { key: 'a-key-of-the-benchmark-0123456789abcdef' },
      issuers: [{ issuer: tokens.issuer, audiences: ['valetkey'], jwks: tokens.jwks }],
      vendors: {
        livekit: {
          apiKey: 'key',
          apiSecret: 'a-secret-of-the-benchmark-0123456789',
          serverUrl: 'wss://rooms.example',
          set: { can_publish: true },
          allow: { room: ['lobby'] },
        },
      },
    },
    { store: { ...store, close: async () => undefined } },
  );
  const count = Math.min(maxUsers, users);
  const authorizations = Array.from(
    { length: count },
    (_, index) =>
      `Bearer ${tokens.accessToken({ sub: subjectOf(Math.floor((index * users) / count)), exp: Math.floor(Date.now() / 1000) + 3_600 })}`,
  );
  const call = async (method: 'GET' | 'POST', url: string, index: number): Promise<void> => {
    const headers = { authorization: authorizations[index % count] ?? '' };
    const payload = method === 'POST' ? { room: 'lobby' } : undefined;
    const { statusCode, body } = await broker.app.inject({ method, url, headers, ...(payload && { payload }) });
    if (statusCode !== 200) throw new Error(`The broker responded ${statusCode}: ${body}`);
  };
  return { call, close: broker.close };
}

/** Returns the requests that are measured, and the end of their brokers. */
export function openRequests() {
  const opened = new Map<Subject, ReturnType<typeof openBroker>>();
  const brokerOf = (subject: Subject) => {
    const broker = opened.get(subject) ?? openBroker(subject);
    opened.set(subject, broker);
    return broker;
  };
  const cases: readonly Case[] = [
    {
      name: 'request: issue a token',
      prepare: (subject) => (index) => brokerOf(subject).call('POST', '/v1/vendors/livekit/token', index),
    },
    {
      name: 'request: issue 32 tokens at once',
      operations: 20,
      prepare: (subject) => async (index) => {
        const { call } = brokerOf(subject);
        await Promise.all(
          Array.from({ length: 32 }, (_, place) => call('POST', '/v1/vendors/livekit/token', 32 * index + place)),
        );
      },
    },
    {
      name: 'request: /v1/session',
      prepare: (subject) => (index) => brokerOf(subject).call('GET', '/v1/session', index),
    },
  ];
  return { cases, close: () => Promise.all([...opened.values()].map((broker) => broker.close())) };
}
