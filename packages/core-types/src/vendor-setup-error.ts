const marker = Symbol.for('valetkey.vendor-setup-error');

/**
 * A vendor cannot be created with its options. The message contains only our own words. An adapter may throw a `TypeError`
 * of its own, whose message may quote a secret: only this class tells the two apart.
 */
export class VendorSetupError extends TypeError {
  static {
    this.prototype.name = 'VendorSetupError';
  }

  constructor(message: string) {
    super(message);
    Object.defineProperty(this, marker, { value: true });
  }

  /** Returns whether a value is this error, also across several installed copies of this package. */
  static isInstance(value: unknown): value is VendorSetupError {
    try {
      return typeof value === 'object' && value !== null && marker in value;
    } catch {
      // A foreign value may be a proxy that refuses the question.
      return false;
    }
  }
}
