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

export interface TokenOptions extends CallOptions {
  /**
   * What `token` resolved with, if the vendor refused that token: the client requests a new one, unless it has requested
   * one since.
   */
  readonly refused?: object | undefined;
}

/** The parameters of a vendor. The vendor's page in the documentation lists them. */
export type IssueParameters = Readonly<Record<string, unknown>>;
