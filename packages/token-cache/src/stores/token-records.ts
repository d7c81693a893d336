import type { TokenKey } from '@valetkey/core-types';
import { isSameToken } from './same-token.ts';
import { keyedRecordId, type SealedRecords } from './sealed-records.ts';
import type { TokenStore } from './store-types.ts';
import { parseTokenText, tokenToText } from './stored-text.ts';

/** Creates the part of a store for tokens: one record per key. */
export function createTokenRecords(sealed: SealedRecords): Pick<TokenStore, 'read' | 'write' | 'remove'> {
  const { records, sealer } = sealed;
  const tokenId = (key: TokenKey): string => keyedRecordId(sealed, key, 'token');

  async function readToken(id: string) {
    const { nowMs, value } = await records.read(id);
    const text = value === undefined ? undefined : sealer.open(value, id);
    return { nowMs, value, stored: text === undefined ? undefined : parseTokenText(text) };
  }

  return {
    read: async (key) => {
      const { nowMs, stored } = await readToken(tokenId(key));
      return { nowMs, stored };
    },
    write: async (key, stored) => {
      const id = tokenId(key);
      await records.write(id, sealer.seal(tokenToText(stored), id), stored.expiresAtMs);
    },
    remove: async (key, token) => {
      const id = tokenId(key);
      const { value, stored } = await readToken(id);
      if (value !== undefined && stored !== undefined && isSameToken(stored.token, token)) {
        await records.remove(id, value);
      }
    },
  };
}
