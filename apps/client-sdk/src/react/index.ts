'use client';

export { useLogin } from './use-login.ts';
export { useSession } from './use-session.ts';
export { useVendorToken } from './use-vendor-token.ts';
export { useValet, ValetProvider } from './valet-provider.ts';

export type { LoginView, ObservableLogin } from './use-login.ts';
export type { ObservableSession } from './use-session.ts';
export type { ValetProviderProps } from './valet-provider.ts';
export type { VendorToken, VendorTokenStatus } from './vendor-token-types.ts';
