/** A program that some tests need and a developer's machine may lack. */
export interface RequiredProgram {
  readonly name: string;
  /** Rejects or throws if the program is missing. */
  readonly probe: () => unknown;
  /** What to install or to set. */
  readonly remediation: string;
}

/** Returns whether a program is there. Throws if it is missing and `CI` is set, so that no test is skipped there. */
export async function isProgramAvailable({ name, probe, remediation }: RequiredProgram): Promise<boolean> {
  try {
    await probe();
    return true;
  } catch {
    const message = `${name} is missing. ${remediation}`;
    if (process.env['CI'] !== undefined) throw new Error(message);
    process.stderr.write(`\n*** ${message} Its tests are skipped. ***\n`);
    return false;
  }
}
