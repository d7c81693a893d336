import { useEffect, useRef } from 'react';

/** Calls `load` once after the component was mounted, and again for another `source`. Its failure is ignored. */
export function useLoadOnce(source: object, load: () => Promise<unknown>): void {
  // StrictMode runs each effect twice.
  const loaded = useRef<object>(undefined);
  useEffect(() => {
    if (loaded.current === source) return;
    loaded.current = source;
    load().catch(() => undefined);
  });
}
