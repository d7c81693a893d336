import { createContext, createElement, useContext, type ReactElement, type ReactNode } from 'react';
import type { ValetClient } from '../client/client.ts';

const ValetContext = createContext<ValetClient | undefined>(undefined);

/** The properties of {@link ValetProvider}. */
export interface ValetProviderProps {
  /** The client of the user. Create it once, outside of any component. */
  readonly client: ValetClient;
  readonly children?: ReactNode;
}

/**
 * Gives the components inside it the client that {@link useValet} returns.
 *
 * @example
 * ```tsx
 * createRoot(document.body).render(<ValetProvider client={valet}><App /></ValetProvider>);
 * ```
 */
export function ValetProvider({ client, children }: ValetProviderProps): ReactElement {
  return createElement(ValetContext.Provider, { value: client }, children);
}

/**
 * Returns the client of the closest {@link ValetProvider}. Throws an `Error` if there is none.
 *
 * @example
 * ```tsx
 * const { response } = useVendorToken(useValet(), 'nudge');
 * ```
 */
export function useValet(): ValetClient {
  const client = useContext(ValetContext);
  if (client === undefined) throw new Error('useValet: no `ValetProvider` is around this component.');
  return client;
}
