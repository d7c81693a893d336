/** The events of a page. On a platform without pages, the functions are absent. */
export interface PageEvents {
  readonly addEventListener?: EventTarget['addEventListener'] | undefined;
  readonly removeEventListener?: EventTarget['removeEventListener'] | undefined;
}

/** Calls `listener` with each event `type`. Returns a function that ends this. */
export function listen(events: PageEvents, type: string, listener: (event: Event) => void): () => void {
  events.addEventListener?.(type, listener);
  return () => events.removeEventListener?.(type, listener);
}

/** Calls `listener` when the browser shows the page again after it stood still and received no notice. */
export function onReturn(events: PageEvents, listener: () => void): () => void {
  return listen(events, 'pageshow', (event) => {
    if ((event as PageTransitionEvent).persisted) listener();
  });
}
