/** The part of a browser's `document` that says whether the user can see the page. */
interface Page {
  readonly hidden: boolean;
  readonly addEventListener: (type: 'visibilitychange', listener: () => void) => void;
  readonly removeEventListener: (type: 'visibilitychange', listener: () => void) => void;
}

/** React Native has no `document`: there the page is always visible. */
const currentPage = () => (globalThis as { readonly document?: Page }).document;

export function isPageHidden(): boolean {
  return currentPage()?.hidden === true;
}

/** Calls `listener` when the page is shown or hidden. Returns a function that ends this. */
export function onPageVisibility(listener: () => void): () => void {
  const page = currentPage();
  page?.addEventListener('visibilitychange', listener);
  return () => page?.removeEventListener('visibilitychange', listener);
}
