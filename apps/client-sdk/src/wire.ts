/** The build puts the broker's own declarations in this file's place, so that the published types need no package. */
export type * from '@valetkey/core-types/wire';
