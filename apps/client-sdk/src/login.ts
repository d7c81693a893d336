export { ValetError } from './errors/valet-error.ts';
export { createLogin } from './login/login.ts';

export type { AppTokenRequest, GetAppToken } from './client/app-token.ts';
export type { CallOptions } from './client/call-options.ts';
export type { ValetClock } from './calls/clock.ts';
export type { DeviceStorage, StoredText, Turn } from './storage/device-storage.ts';
export type { BrokerErrorCode, ClientErrorCode, ValetErrorCode, ValetErrorDetails } from './errors/valet-error.ts';
export type { LoginErrorCode } from './login/login-errors.ts';
export type {
  AuthorizeOptions,
  AuthorizeResult,
  Bytes,
  Login,
  LoginOptions,
  LoginSessionState,
  LoginSessionStateReason,
  LoginUser,
  LogoutOptions,
  SessionStateListener,
  UserInfo,
} from './login/login-types.ts';
