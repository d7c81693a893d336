/** Closes what was opened, in reverse order. */
export interface DisposalStack {
  /** Registers how a resource is closed, and returns the resource. */
  readonly use: <Resource>(resource: Resource, close: (resource: Resource) => unknown) => Resource;
  /**
   * Closes every resource once, each after those that were opened later, also when one of them fails to close. Rejects with
   * the first failure.
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
        // Awaited one by one: a resource may need those that were opened before it until it is closed.
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
