/** The configuration cannot be used. Each of `problems` names a field and what the field must be, and quotes no value. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  static {
    this.prototype.name = 'ConfigError';
  }

  constructor(problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}
