/** One call of a client SDK. The simulated vendor says `Hello world` in each of its responses. */
interface ClientCall<Client> {
  readonly title: string;
  /**
   * Makes the call and returns what the vendor said. `onFirstEvent` is called with each part of a stream: the simulated vendor
   * sends no further part before it was called.
   */
  readonly run: (client: Client, onFirstEvent: () => void) => Promise<string>;
}

/** A published client SDK, as an app uses it: with the broker as base URL, and its user's token in the place of the key. */
export interface ClientSdk<Client> {
  readonly connection: string;
  /** The npm package of the SDK. */
  readonly package: string;
  readonly create: (target: { readonly baseUrl: string; readonly token: string }) => Client;
  readonly calls: readonly ClientCall<Client>[];
}
