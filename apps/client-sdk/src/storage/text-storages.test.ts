import { describe, expect, test } from 'vitest';
import { describeStorage } from '../testing/storage-conformance.ts';
import { failureOf } from '../testing/failure.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { keychainStorage, type KeychainModule } from './keychain-storage.ts';
import { memoryStorage } from './memory-storage.ts';
import { secureStoreStorage } from './secure-store-storage.ts';
import { createTextStorage, type TextPlace } from './text-storage.ts';
import { webStorage } from './web-storage.ts';

/** Creates the texts of a platform, which `fail` makes unavailable. */
function createTexts() {
  const texts = new Map<string, string>();
  let isFailing = false;
  const check = () => {
    if (isFailing) throw new Error('The device is locked.');
  };
  return {
    texts,
    fail: () => void (isFailing = true),
    get: (key: string) => {
      check();
      return texts.get(key) ?? null;
    },
    set: (key: string, text: string) => {
      check();
      texts.set(key, text);
    },
    delete: (key: string) => {
      check();
      texts.delete(key);
    },
  };
}

function createSecureStore() {
  const place = createTexts();
  const options: object[] = [];
  const checkKey = (key: string) => {
    if (!/^[\w.-]+$/.test(key)) throw new Error('Invalid key provided to SecureStore.');
  };
  const secureStore = {
    AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: 1 as number | undefined,
    getItemAsync: async (key: string) => {
      checkKey(key);
      return place.get(key);
    },
    setItemAsync: async (key: string, text: string, setOptions: object) => {
      checkKey(key);
      options.push(setOptions);
      place.set(key, text);
    },
    deleteItemAsync: async (key: string) => {
      checkKey(key);
      place.delete(key);
    },
  };
  return { secureStore, options, fail: place.fail };
}

function createKeychain(place = createTexts()) {
  const keychain: KeychainModule = {
    ACCESSIBLE: { AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: 'AccessibleAfterFirstUnlockThisDeviceOnly' },
    getGenericPassword: async ({ service }) => {
      const password = place.get(service);
      return password === null ? false : { username: 'valetkey', password };
    },
    setGenericPassword: async (_, password, { service }) => {
      place.set(service, password);
      return { service };
    },
    resetGenericPassword: async ({ service }) => {
      place.delete(service);
      return true;
    },
  };
  return { keychain, fail: place.fail };
}

describeStorage('createTextStorage', ({ clock }) => {
  const place = createTexts();
  return { open: () => createTextStorage(place, { clock }), fail: place.fail };
});
describeStorage('webStorage', ({ clock }) => {
  const { get, set, delete: remove, fail } = createTexts();
  const area = { getItem: get, setItem: set, removeItem: remove };
  return { open: () => webStorage({ area: () => area, clock }), fail };
});
describeStorage('secureStoreStorage', ({ clock }) => {
  const { secureStore, fail } = createSecureStore();
  return { open: () => secureStoreStorage(secureStore, { clock }), fail };
});
describeStorage('keychainStorage', ({ clock }) => {
  const { keychain, fail } = createKeychain();
  return { open: () => keychainStorage(keychain, { clock }), fail };
});

test('memoryStorage keeps texts for one program', async () => {
  const storage = memoryStorage();
  const revision = await storage.replace('key', null, 'text');
  expect(await storage.read('key')).toEqual({ text: 'text', revision });
  expect(await memoryStorage().read('key')).toBeNull();
  await storage.remove('key');
  expect(await storage.read('key')).toBeNull();
});

test('a storage refuses options that it does not know or cannot use', () => {
  expect(() => memoryStorage({ timeout: 1 } as object)).toThrow('createTextStorage: `timeout` is not an option.');
  expect(() => memoryStorage({ timeoutMs: 0 })).toThrow('`timeoutMs` must be a number of milliseconds above 0.');
  expect(() => memoryStorage({ clock: {} as never })).toThrow(
    '`clock` must have the functions `nowMs` and `schedule`.',
  );
});

describe('a platform that hangs', () => {
  /** Creates a place whose next write or read waits until the test releases it. */
  function setUp() {
    const time = createVirtualClock();
    const texts = createTexts();
    const gates: Promise<void>[] = [];
    const wait = async () => void (await gates.shift());
    const place: TextPlace = {
      get: async (key) => {
        await wait();
        return texts.get(key);
      },
      set: async (key, text) => {
        await wait();
        texts.set(key, text);
      },
      delete: async (key) => {
        await wait();
        texts.delete(key);
      },
    };
    const hang = async (call: () => Promise<unknown>, at: number) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gates.push(...Array.from({ length: at }, () => Promise.resolve()), promise);
      const failure = failureOf(call());
      for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
      time.advance(4000);
      expect(await failure).toMatchObject({ code: 'timeout' });
      return resolve;
    };
    const storage = createTextStorage(place, { clock: time.clock });
    return { storage, hang, texts };
  }
  const settle = async () => {
    for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
  };

  test('rejects a read after four seconds, and the next access runs', async () => {
    const { storage, hang } = setUp();
    await storage.replace('key', null, 'text');
    await hang(() => storage.read('key'), 0);
    expect(await storage.read('key')).toMatchObject({ text: 'text' });
  });

  test('a write that is completed late replaces no later write', async () => {
    const { storage, hang, texts } = setUp();
    const release = await hang(() => storage.replace('key', null, 'first'), 1);
    const revision = await storage.replace('key', null, 'second');
    release();
    await settle();
    expect(texts.get('key')).toMatch(/ second$/);
    const read = await storage.read('key');
    expect(read?.text).toBe('second');
    expect(read).toEqual({ text: 'second', revision });
  });

  test('a write that is completed late brings no removed text back', async () => {
    const { storage, hang, texts } = setUp();
    const release = await hang(() => storage.replace('key', null, 'first'), 1);
    await storage.remove('key');
    release();
    await settle();
    expect(texts.texts.size).toBe(0);
  });

  test('a removal that is completed late removes no later text', async () => {
    const { storage, hang } = setUp();
    const release = await hang(() => storage.remove('key'), 0);
    await storage.replace('key', null, 'next user');
    release();
    await settle();
    expect(await storage.read('key')).toMatchObject({ text: 'next user' });
  });

  test('a write that is completed late counts if no other followed', async () => {
    const { storage, hang } = setUp();
    const release = await hang(() => storage.replace('key', null, 'first'), 1);
    release();
    await settle();
    expect(await storage.read('key')).toMatchObject({ text: 'first' });
  });

  test('an access rejects while what a late write spoiled cannot be written again', async () => {
    const { storage, hang, texts } = setUp();
    const release = await hang(() => storage.replace('key', null, 'first'), 1);
    await storage.remove('key');
    const { delete: remove } = texts;
    texts.delete = () => {
      throw new Error('The device is locked.');
    };
    release();
    await settle();
    await expect(storage.read('key')).rejects.toThrow('locked');
    texts.delete = remove;
    expect(await storage.read('key')).toBeNull();
  });
});

test('secureStoreStorage asks for items that stay on the device and can be read while it is locked', async () => {
  const { secureStore, options } = createSecureStore();
  await secureStoreStorage(secureStore).replace('key', null, 'text');
  const android = { ...secureStore, AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: undefined };
  await secureStoreStorage(android).replace('other', null, 'text');
  expect(options).toEqual([{ keychainAccessible: 1 }, {}]);
});

test('keychainStorage rejects when the keychain reports that it did not write or remove', async () => {
  const { keychain } = createKeychain();
  const failing = { ...keychain, setGenericPassword: async () => false, resetGenericPassword: async () => false };
  const storage = keychainStorage(failing);
  await expect(storage.replace('key', null, 'text')).rejects.toThrow('did not write');
  await expect(storage.remove('key')).rejects.toThrow('did not remove');
});

describe('webStorage', () => {
  test('calls a listener after another tab changed or cleared the area, or when the page returns', () => {
    const page = new EventTarget();
    let calls = 0;
    const end = webStorage({ platform: page }).watch('key', () => (calls += 1));
    const dispatch = (type: string, fields: object) => page.dispatchEvent(Object.assign(new Event(type), fields));
    const counts = () => {
      const seen: number[] = [];
      dispatch('storage', { key: 'other' });
      dispatch('pageshow', { persisted: false });
      seen.push(calls);
      dispatch('storage', { key: 'key' });
      seen.push(calls);
      dispatch('storage', { key: null });
      seen.push(calls);
      dispatch('pageshow', { persisted: true });
      return [...seen, calls];
    };
    expect(counts()).toEqual([0, 1, 2, 3]);
    end();
    expect(counts()).toEqual([3, 3, 3, 3]);
  });

  test('rejects where the browser forbids or lacks localStorage', async () => {
    const area = () => {
      throw new Error('SecurityError');
    };
    await expect(webStorage({ area }).read('key')).rejects.toThrow('SecurityError');
  });
});
