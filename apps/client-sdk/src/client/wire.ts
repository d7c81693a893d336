/**
 * The build replaces this file with a copy of these declarations, so that the published types need no other package.
 */
export type * from '@valetkey/core-types/wire';
