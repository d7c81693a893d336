export { ValetError } from '../valet-error.ts';
export { createLogin } from './login.ts';

export type { AppTokenRequest, GetAppToken } from '../app-token.ts';
export type { CallOptions } from '../call-options.ts';
export type { ValetClock } from '../clock.ts';
export type { DeviceStorage, StoredText, Turn } from '../storage/device-storage.ts';
export type { BrokerErrorCode, ClientErrorCode, ValetErrorCode, ValetErrorDetails } from '../valet-error.ts';
export type { LoginErrorCode } from './login-errors.ts';
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
} from './login-types.ts';
