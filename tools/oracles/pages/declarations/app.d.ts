// What an app has that uses the code of the pages.
import type { ValetClient } from '@valetkey/client-sdk';

declare global {
  const valet: ValetClient;
  const appToken: string;
  const getAppToken: () => Promise<string>;
  const file: File;
  const appKey: string;
  const publishableKey: string;
}
