import { IDBFactory } from 'fake-indexeddb';
import { describe, expect, test } from 'vitest';
import { describeStorage, untilReady } from '../testing/storage-conformance.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { indexedDbStorage } from './indexed-db-storage.ts';
import { resultOf } from './indexed-db.ts';

const key = 'valetkey.session.acme';
const never = () => new AbortController().signal;

/** Creates a browser with one origin. `fail` makes its databases unavailable. */
function createBrowser() {
  const factory = new IDBFactory();
  const connections: IDBDatabase[] = [];
  /** Each function loses one connection. */
  const lose: (() => void)[] = [];
  let failure: Error | undefined;
  let isHung = false;
  const hung = { addEventListener: () => undefined };
  const indexedDB = {
    open: (name: string) => {
      if (failure !== undefined) throw failure;
      if (isHung) return hung as never;
      const request = factory.open(name);
      request.addEventListener('success', () => {
        const { result } = request;
        const listen = result.addEventListener.bind(result);
        result.addEventListener = (type: string, listener: EventListener) => {
          if (type === 'close') lose.push(() => listener(new Event('close')));
          listen(type, listener);
        };
        connections.push(result);
      });
      return request;
    },
  };
  const platform = { indexedDB, crypto, BroadcastChannel, navigator: {} as { locks?: LockManager } };
  return {
    factory,
    connections,
    lose,
    platform,
    fail: () => {
      failure = new Error('The database is unavailable.');
      for (const connection of connections) connection.close();
    },
    hang: (hangs: boolean) => void (isHung = hangs),
    /** Reads or changes the items without the storage. */
    items: async <Result>(run: (items: IDBObjectStore) => IDBRequest<Result>, name = 'valetkey'): Promise<Result> => {
      const database = await resultOf(factory.open(name));
      const result = await resultOf(run(database.transaction('items', 'readwrite').objectStore('items')));
      database.close();
      return result;
    },
  };
}

let count = 0;
describeStorage('indexedDbStorage without Web Locks', ({ clock }) => {
  const { platform, fail } = createBrowser();
  const name = `plain-${(count += 1)}`;
  return { open: () => indexedDbStorage({ name, platform, clock }), fail };
});
describeStorage('indexedDbStorage with Web Locks', ({ clock }) => {
  const { platform, fail } = createBrowser();
  const name = `locked-${(count += 1)}`;
  const withLocks = { ...platform, navigator };
  return { open: () => indexedDbStorage({ name, platform: withLocks, clock }), fail };
});

describe('indexedDbStorage', () => {
  function setUp() {
    const time = createVirtualClock();
    const browser = createBrowser();
    const open = () => indexedDbStorage({ platform: browser.platform, clock: time.clock });
    return { ...time, ...browser, open, storage: open() };
  }

  test('encrypts with a key that cannot be exported, and two first writers share it', async () => {
    const { open, items } = setUp();
    await Promise.all([open().replace('a', null, 'text-a'), open().replace('b', null, 'text-b')]);
    expect((await open().read('a'))?.text).toBe('text-a');
    expect((await open().read('b'))?.text).toBe('text-b');
    const sealingKey = (await items((store) => store.get('key'))) as { key: CryptoKey };
    expect(sealingKey.key.extractable).toBe(false);
    await expect(crypto.subtle.exportKey('raw', sealingKey.key)).rejects.toThrow('not extractable');
    const entry = (await items((store) => store.get(['text', 'a']))) as { sealed: ArrayBuffer };
    expect(Buffer.from(entry.sealed).toString('latin1')).not.toContain('text-a');
  });

  test.each([
    [
      'was changed',
      (items: IDBObjectStore, entry: object): IDBRequest =>
        items.put({ ...entry, iv: new Uint8Array(12) }, ['text', key]),
    ],
    ['has lost its key', (items: IDBObjectStore): IDBRequest => items.delete('key')],
  ])('returns an empty text where the entry %s, and it can be replaced', async (_, change) => {
    const { storage, items } = setUp();
    const revision = await storage.replace(key, null, 'text');
    const entry = (await items((store) => store.get(['text', key]))) as object;
    await items<unknown>((store) => change(store, entry));
    expect(await storage.read(key)).toEqual({ text: '', revision });
    expect(await storage.replace(key, revision, 'new')).not.toBeNull();
    expect(await storage.read(key)).toMatchObject({ text: 'new' });
  });

  test('rejects while the browser cannot use the key', async () => {
    const { storage, items } = setUp();
    await storage.replace(key, null, 'text');
    await items((store) => store.put({ id: 'a', key: null }, 'key'));
    await expect(storage.read(key)).rejects.toThrow('CryptoKey');
  });

  test('connects again after the connection was closed or lost', async () => {
    const { storage, connections, lose } = setUp();
    const revision = await storage.replace(key, null, 'text');
    connections[0]?.close();
    expect(await storage.read(key)).toEqual({ text: 'text', revision });
    expect(connections).toHaveLength(2);
    lose[1]?.();
    expect(await storage.read(key)).toEqual({ text: 'text', revision });
    expect(connections).toHaveLength(3);
  });

  test('closes its connection so that the database can be deleted, and begins anew', async () => {
    const { storage, factory } = setUp();
    await storage.replace(key, null, 'text');
    await resultOf(factory.deleteDatabase('valetkey'));
    expect(await storage.read(key)).toBeNull();
    await storage.replace(key, null, 'new');
    expect(await storage.read(key)).toMatchObject({ text: 'new' });
  });

  test('rejects when a connection does not open in four seconds, and the next access connects anew', async () => {
    const { storage, hang, advance } = setUp();
    hang(true);
    const read = storage.read(key);
    advance(4000);
    await expect(read).rejects.toMatchObject({ code: 'timeout' });
    hang(false);
    expect(await storage.read(key)).toBeNull();
  });

  test('a write whose time is over never reaches the database', async () => {
    const { platform, clock, advance, items } = setUp();
    const { promise: hold, resolve: release } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const encrypt: SubtleCrypto['encrypt'] = async (...inputs) => {
      begin();
      await hold;
      return crypto.subtle.encrypt(...inputs);
    };
    const subtle = { generateKey: crypto.subtle.generateKey.bind(crypto.subtle), encrypt };
    const slow = { getRandomValues: crypto.getRandomValues.bind(crypto), subtle };
    const storage = indexedDbStorage({ platform: { ...platform, crypto: slow }, clock });
    const write = storage.replace(key, null, 'text');
    await begun;
    advance(4000);
    await expect(write).rejects.toMatchObject({ code: 'timeout' });
    await storage.remove(key);
    release();
    await storage.read(key);
    await expect(storage.read(key)).resolves.toBeNull();
    expect(await items((store) => store.getAllKeys())).toEqual([]);
  });

  test('a write whose connection is lost after it succeeded counts', async () => {
    const { platform, clock, open } = setUp();
    let losses = 1;
    const lossy = {
      open: (name: string) => {
        const request = platform.indexedDB.open(name);
        request.addEventListener('success', () => {
          const { transaction } = request.result;
          request.result.transaction = (names, mode, options) => {
            const opened = transaction.call(request.result, names, mode, options);
            if (mode !== 'readwrite' || losses === 0) return opened;
            losses -= 1;
            // The success is never reported; the connection reports an error instead.
            const listen = opened.addEventListener.bind(opened);
            opened.addEventListener = (type: string, listener: EventListener) => {
              if (type === 'abort') listen('complete', listener);
            };
            return opened;
          };
        });
        return request;
      },
    };
    const storage = indexedDbStorage({ platform: { ...platform, indexedDB: lossy }, clock });
    const revision = await storage.replace(key, null, 'text');
    expect(losses).toBe(0);
    expect(await open().read(key)).toEqual({ text: 'text', revision });
    losses = 1;
    expect(await storage.runAlone(key, never(), async ({ isTakenOver }) => isTakenOver)).toBe(false);
  });

  test('takes over the turn of a tab that vanished, also after the clock was set back', async () => {
    const { storage, items, clock } = setUp();
    await storage.remove(key);
    for (const sinceMs of [clock.nowMs() - 10_000, clock.nowMs() + 60_000, Number.NaN]) {
      await items((store) => store.put({ owner: 'vanished', sinceMs }, ['lease', key]));
      expect(await storage.runAlone(key, never(), async ({ isTakenOver }) => isTakenOver)).toBe(true);
    }
    expect(await items((store) => store.get(['lease', key]))).toBeUndefined();
  });

  test('goes on without a Web Lock that another tab holds for five seconds', async () => {
    const { platform, clock, advance } = setUp();
    const requests: string[] = [];
    const locks = {
      request: (name: string, { signal }: { signal: AbortSignal }) =>
        new Promise((_, reject) => {
          requests.push(name);
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    };
    const storage = indexedDbStorage({ platform: { ...platform, navigator: { locks } }, clock });
    const turn = storage.runAlone(key, never(), async () => 'ran');
    await untilReady(() => requests.length > 0);
    advance(5000);
    expect(await turn).toBe('ran');
    expect(requests).toEqual([`valetkey/${key}`]);
  });

  test('never runs a task whose caller stops waiting while the lease is written', async () => {
    const { storage, items, platform } = setUp();
    await storage.remove(key);
    const controller = new AbortController();
    const locks = { request: (_name: string, _options: object, run: () => unknown) => run() };
    const waiting = indexedDbStorage({ platform: { ...platform, navigator: { locks } } });
    const turn = waiting.runAlone(key, controller.signal, async () => 'ran');
    await Promise.resolve();
    await Promise.resolve();
    controller.abort();
    await expect(turn).rejects.toThrow('did not wait');
    expect(await items((store) => store.get(['lease', key]))).toBeUndefined();
  });

  test('resolves with the result of a task although the turn cannot be given back', async () => {
    const { storage, fail } = setUp();
    expect(
      await storage.runAlone(key, never(), async () => {
        fail();
        return 'done';
      }),
    ).toBe('done');
  });

  test('works without BroadcastChannel, and sends notices that contain only the key', async () => {
    const { platform, open } = setUp();
    const silent = indexedDbStorage({ platform: { ...platform, BroadcastChannel: undefined } });
    silent.watch(key, () => undefined)();
    expect(await silent.replace(key, null, 'text')).not.toBeNull();

    const channel = new BroadcastChannel('valetkey.changes');
    const messages: unknown[] = [];
    channel.addEventListener('message', ({ data }) => messages.push(data));
    await open().remove(key);
    await untilReady(() => messages.length > 0);
    channel.close();
    expect(messages).toEqual([key]);
  });

  test('opens a channel without `unref`, as that of a browser is', async () => {
    const { platform } = setUp();
    const sent: unknown[] = [];
    class Channel {
      postMessage(message: unknown) {
        sent.push(message);
      }
    }
    await indexedDbStorage({ platform: { ...platform, BroadcastChannel: Channel } }).remove(key);
    expect(sent).toEqual([key]);
  });

  test('uses the functions of the page unless others are given', async () => {
    await expect(indexedDbStorage().read(key)).rejects.toThrow('open');
  });
});
