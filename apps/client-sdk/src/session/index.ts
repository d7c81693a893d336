export { memoryStorage } from '../storage/memory-storage.ts';
export { createTextStorage } from '../storage/text-storage.ts';
export { ValetError } from '../valet-error.ts';
export { createSession } from './session.ts';

export type { ValetClock } from '../clock.ts';
export type { DeviceStorage, StoredText, Turn } from '../storage/device-storage.ts';
export type { TextPlace } from '../storage/text-storage.ts';
export type { BrokerErrorCode, ClientErrorCode, ValetErrorCode, ValetErrorDetails } from '../valet-error.ts';
export type {
  AccessTokenOptions,
  Session,
  SessionCall,
  SessionCallOptions,
  SessionDetails,
  SessionOptions,
  SessionReason,
  SessionState,
  SessionStatus,
  SessionTokens,
  SessionVendor,
} from './session-types.ts';
