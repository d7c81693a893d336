import { isSameValue } from '@valetkey/core-types';

/** Closes resources in the reverse order of their registration. */
export interface DisposalStack {
  /** Registers how a resource is closed, and returns the resource. */
  readonly use: <Resource>(resource: Resource, close: (resource: Resource) => unknown) => Resource;
  /**
   * Closes every resource once, the last one first. If one fails to close, the others are still closed, and `close` rejects
   * with the first failure.
   */
  readonly close: () => Promise<void>;
}

export function createDisposalStack(): DisposalStack {
  const closers: (() => unknown)[] = [];
  let closing: Promise<void> | undefined;

  const closeAll = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
      try {
        // Closed one after the other, because a resource may use an earlier one until it is closed itself.
        await close();
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0) throw failures[0];
  };

  return {
    use: (resource, close) => {
      closers.push(() => close(resource));
      return resource;
    },
    close: () => (closing ??= closeAll()),
  };
}

/** A resource that several stacks may hold. It is closed when the last of these stacks is closed. */
export interface Held<Resource> {
  /** What the resource was opened with. */
  readonly openedWith: unknown;
  /** Registers the resource in a stack, and returns the resource. */
  readonly hold: (resources: DisposalStack) => Resource;
}

/** Closes a resource. A function that is written beside `open` would keep the earlier parts that `open` uses in memory. */
export const closeOpened = (resource: { readonly close: () => unknown }): unknown => resource.close();

/**
 * Returns the earlier resource if it was opened with the same, and opens another one otherwise. What the resource and `close` refer to
 * stays in memory with the resource, so neither may refer to earlier parts.
 */
export function keepOrOpen<Resource>(
  earlier: Held<Resource> | undefined,
  openedWith: unknown,
  open: () => Resource,
  close: (resource: Resource) => unknown,
): Held<Resource> {
  if (earlier !== undefined && isSameValue(earlier.openedWith, openedWith)) return earlier;
  const resource = open();
  let holders = 0;
  const release = () => {
    holders -= 1;
    return holders === 0 ? close(resource) : undefined;
  };
  return {
    openedWith,
    hold: (resources) => {
      holders += 1;
      return resources.use(resource, release);
    },
  };
}
