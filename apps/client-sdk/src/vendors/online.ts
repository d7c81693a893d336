/** The parts of a browser's globals that say whether the device is online. Node and React Native lack some or all of them. */
interface OnlineGlobals {
  readonly navigator?: { readonly onLine?: boolean } | undefined;
  readonly addEventListener?: ((type: 'online', listener: () => void) => void) | undefined;
  readonly removeEventListener?: ((type: 'online', listener: () => void) => void) | undefined;
}

/** Resolves with true when a browser that is offline comes online, and at once with false in any other case. */
export function deviceIsOnline(signal: AbortSignal): Promise<boolean> {
  const browser = globalThis as OnlineGlobals;
  if (browser.navigator?.onLine !== false || browser.addEventListener === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const settle = (isOnline: boolean) => {
      browser.removeEventListener?.('online', comeOnline);
      resolve(isOnline);
    };
    const comeOnline = () => settle(true);
    browser.addEventListener?.('online', comeOnline);
    signal.addEventListener('abort', () => settle(false));
  });
}
