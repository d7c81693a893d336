import type { TokenBinding, VendorDefinition } from '@valetkey/core-types';

/** A vendor that a configuration may name. */
export interface KnownDefinition extends VendorDefinition {
  /** What the definition was copied from. A recipe file that was read again gives another one. */
  readonly source?: VendorDefinition | undefined;
  /** Only for a vendor that is a recipe: whether its tokens name a user, or that it forwards calls and issues none. */
  readonly recipe?: { readonly binding: TokenBinding | 'calls' } | undefined;
}
