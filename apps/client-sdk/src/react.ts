'use client';

export { useLogin } from './react/use-login.ts';
export { useSession } from './react/use-session.ts';
export { useVendorToken } from './react/use-vendor-token.ts';
export { useValet, ValetProvider } from './react/valet-provider.ts';

export type { LoginView, ObservableLogin } from './react/use-login.ts';
export type { ObservableSession } from './react/use-session.ts';
export type { ValetProviderProps } from './react/valet-provider.ts';
export type { VendorToken, VendorTokenStatus } from './react/vendor-token-types.ts';
