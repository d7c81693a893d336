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
