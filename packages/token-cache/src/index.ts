// Rooms import in one direction: cache -> renewal -> stores. Files directly in this folder are entries of the package.
export { createTokenCache } from './cache/token-cache.ts';

export type { TokenCacheEvent, TokenCacheStats } from './cache/events.ts';
export type { GetOptions } from './cache/obtain-token.ts';
export type { TokenCacheOptions } from './cache/token-cache-options.ts';
export type { TokenCache } from './cache/token-cache.ts';
export type { Issue } from './renewal/issue-once.ts';
export type { Timers } from './renewal/timers.ts';
export type { LeaseResponse, StoredFailure, StoredToken, StoreReading, TokenStore } from './stores/store-types.ts';
