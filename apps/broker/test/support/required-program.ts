/** A program that some tests need and a developer's machine may lack. */
export interface RequiredProgram {
  readonly name: string;
  /** Rejects or throws where the program is missing. */
  readonly probe: () => unknown;
  /** What to install or to set. */
  readonly remediation: string;
}

/** Returns whether the tests that need a program can run. With `CI` set, a missing program throws: nothing is skipped there. */
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
