import { expect, test } from 'vitest';
import { failureOf } from '../testing/failure.ts';
import { createTokenBroker } from '../testing/token-broker.ts';
import type { TokenChange } from './token-listeners.ts';

function createNumbered(getAppToken?: () => string) {
  const broker = createTokenBroker(getAppToken);
  const changes: unknown[] = [];
  return { ...broker, changes, note: (change: unknown) => void changes.push(change) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('onTokenChange tells of each renewed token once, whoever requested it, and not of one that is still kept', async () => {
  const { valet, changes, note, advance } = createNumbered();
  valet.onTokenChange('nudge', undefined, note);

  await Promise.all([valet.token('nudge'), valet.token('nudge', {})]);
  await valet.token('nudge');
  expect(changes).toEqual([{ reason: 'renewed' }]);
  advance(240_000);
  await Promise.all([valet.token('nudge'), valet.token('nudge')]);

  expect(changes).toEqual([{ reason: 'renewed' }, { reason: 'renewed' }]);
});

test('onTokenChange tells of a token that was renewed because the vendor refused the kept one', async () => {
  const { valet, changes, note } = createNumbered();
  const refused = await valet.token('nudge');
  valet.onTokenChange('nudge', {}, note);

  await valet.token('nudge', {}, { refused });

  expect(changes).toEqual([{ reason: 'renewed' }]);
});

test('onTokenChange tells nothing about other connections and parameters, and nothing after it was ended', async () => {
  const { valet, changes, note } = createNumbered();
  const end = valet.onTokenChange('nudge', { a: 1 }, note);
  valet.onTokenChange('acme', undefined, note);

  await valet.token('nudge');
  await valet.token('nudge', { a: 2 });
  expect(changes).toEqual([]);
  end();
  end();
  await valet.token('nudge', { a: 1 });

  expect(changes).toEqual([]);
});

test('one function that listens twice is called until both are ended', async () => {
  const { valet, changes, note } = createNumbered();
  const ends = [valet.onTokenChange('nudge', {}, note), valet.onTokenChange('nudge', {}, note)];

  ends[0]?.();
  await valet.token('nudge');

  expect(changes).toHaveLength(1);
});

test("signOut tells the listeners once, and the next user's tokens are not theirs to know", async () => {
  const { valet, changes, note } = createNumbered();
  await valet.token('nudge');
  valet.onTokenChange('nudge', undefined, note);
  valet.onTokenChange('acme', undefined, note);

  valet.signOut();
  valet.signOut();
  await valet.token('nudge');

  expect(changes).toEqual([{ reason: 'signed_out' }, { reason: 'signed_out' }]);
});

test('a token that arrives after signOut is neither kept nor told to anyone', async () => {
  const { valet, changes, note, hold, requests } = createNumbered();
  const release = hold();
  valet.onTokenChange('nudge', undefined, note);
  const call = failureOf(valet.token('nudge'));
  await turn();

  valet.signOut();
  valet.onTokenChange('nudge', undefined, note);
  release();
  await turn();

  expect(await call).toMatchObject({ code: 'aborted' });
  expect(changes).toEqual([{ reason: 'signed_out' }]);
  await valet.token('nudge');
  expect(requests).toHaveLength(2);
});

test('a listener of one user never hears of the tokens of a client for another user', async () => {
  const { valet, changes, note } = createNumbered();
  const ofBob = valet.forUser(() => 'bob');
  valet.onTokenChange('nudge', undefined, note);

  await ofBob.token('nudge');
  ofBob.signOut();

  expect(changes).toEqual([]);
});

test('a listener that throws or rejects fails no call and no other listener', async () => {
  const { valet, changes, note } = createNumbered();
  valet.onTokenChange('nudge', undefined, () => {
    throw new Error('of the app');
  });
  valet.onTokenChange('nudge', undefined, () => Promise.reject(new Error('of the app')) as never);
  valet.onTokenChange('nudge', undefined, note);

  expect(await valet.token('nudge')).toMatchObject({ token: 'token-1 of nudge' });
  valet.signOut();

  expect(changes).toEqual([{ reason: 'renewed' }, { reason: 'signed_out' }]);
});

test('a listener that another one ended or added during a change is not told of this change', async () => {
  const { valet, changes, note } = createNumbered();
  let end = () => undefined as void;
  const again = () => {
    end();
    valet.onTokenChange('nudge', undefined, again);
    note('again');
  };
  valet.onTokenChange('nudge', undefined, again);
  end = valet.onTokenChange('nudge', undefined, () => note('ended'));

  await valet.token('nudge');

  expect(changes).toEqual(['again']);
});

test('a listener that calls token ends in no loop, even if each app token is a new one', async () => {
  let appTokens = 0;
  const { valet, changes, note, requests, advance } = createNumbered(() => `app-token-${(appTokens += 1)}`);
  valet.onTokenChange('nudge', undefined, (change) => {
    note(change);
    if (change.reason === 'renewed') void valet.token('nudge');
  });

  await valet.token('nudge');
  await turn();
  expect([changes.length, requests.length]).toEqual([1, 2]);
  advance(240_000);
  await valet.token('nudge');
  await turn();

  expect([changes.length, requests.length]).toEqual([2, 4]);
});

test('a listener of signOut can listen for the next user', async () => {
  const { valet, changes, note } = createNumbered();
  const listen = (change?: TokenChange) => {
    if (change !== undefined) note(change);
    if (change?.reason !== 'renewed') valet.onTokenChange('nudge', undefined, listen);
  };
  listen();

  valet.signOut();
  await valet.token('nudge');

  expect(changes).toEqual([{ reason: 'signed_out' }, { reason: 'renewed' }]);
});

test('onTokenChange throws for a listener that is no function and for parameters that JSON cannot contain', () => {
  const { valet } = createNumbered();

  expect(() => valet.onTokenChange('nudge', undefined, undefined as never)).toThrow(/`listener` must be a function/);
  expect(() => valet.onTokenChange('nudge', { a: 1n }, () => undefined)).toThrow(
    expect.objectContaining({ code: 'invalid_request' }),
  );
});
