import { onReturn, type PageEvents } from './page-events.ts';

type Channel = Pick<BroadcastChannel, 'postMessage' | 'addEventListener' | 'removeEventListener'> & {
  readonly unref?: () => unknown;
};

/** Tells the other users of a database that a text has changed. */
export interface Notices {
  readonly send: (key: string) => void;
  readonly watch: (key: string, listener: () => void) => () => void;
}

/** Creates notices over a `BroadcastChannel`, which opens at the first use. They contain keys, and never a text. */
export function createNotices(
  channelClass: () => (new (name: string) => Channel) | undefined,
  events: PageEvents,
  name: string,
): Notices {
  let channel: Channel | undefined;
  function open(): Channel | undefined {
    const Channel = channelClass();
    if (channel !== undefined || Channel === undefined) return channel;
    channel = new Channel(name);
    // In Node, an open channel would keep the program alive.
    channel.unref?.();
    return channel;
  }
  return {
    send: (key) => open()?.postMessage(key),
    watch: (key, listener) => {
      const receive = ({ data }: MessageEvent) => {
        if (data === key) listener();
      };
      const watched = open();
      watched?.addEventListener('message', receive);
      const stopReturns = onReturn(events, listener);
      return () => {
        watched?.removeEventListener('message', receive);
        stopReturns();
      };
    },
  };
}
