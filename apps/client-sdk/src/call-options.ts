export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface IssueOptions extends CallOptions {
  /**
   * Joins an equal call that is under way instead of sending another request. Use it only for tokens that are bound to
   * the company's account: calls for a user-bound token must not share it. Default: false.
   */
  readonly shared?: boolean | undefined;
}

/** The parameters of a vendor. The vendor's page in the documentation lists them. */
export type IssueParameters = Readonly<Record<string, unknown>>;
