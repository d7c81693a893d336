/** A mistake at the command line, described in one line. */
export class CommandError extends Error {}
