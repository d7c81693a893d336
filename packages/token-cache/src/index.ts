export { createTokenCache } from './token-cache.ts';

export type { TokenCacheEvent, TokenCacheStats } from './events.ts';
export type { Issue } from './issue-once.ts';
export type { TokenCacheOptions } from './options.ts';
export type { LeaseAnswer, StoredFailure, StoredToken, StoreReading, TokenStore } from './store-types.ts';
export type { Timers } from './timers.ts';
export type { GetOptions, TokenCache } from './token-cache.ts';
