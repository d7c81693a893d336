/** One instruction of a Dockerfile. */
export interface Instruction {
  /** `RUN`, in capitals. */
  readonly keyword: string;
  /** The rest of the line, with its continuations joined. */
  readonly value: string;
}

/** A stage of a Dockerfile: what follows one `FROM`. */
export interface Stage {
  readonly name: string | undefined;
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

/** Parses a Dockerfile without heredocs. Instructions before the first `FROM` are in `globals`. */
export function parseDockerfile(text: string): { globals: Instruction[]; stages: Stage[] } {
  const joined = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '');
  const globals: Instruction[] = [];
  const stages: { name: string | undefined; from: string; instructions: Instruction[] }[] = [];
  for (const line of joined.split('\n').filter((each) => each.trim() !== '')) {
    const [, keyword, value] = /^([A-Z]+) +(.+)$/.exec(line) ?? [];
    if (keyword === undefined || value === undefined) throw new Error(`This is no instruction: ${line}`);
    if (keyword === 'FROM') {
      const [, from = '', name] = /^(\S+)(?: AS (\S+))?$/.exec(value) ?? [];
      stages.push({ name, from, instructions: [] });
    } else (stages.at(-1)?.instructions ?? globals).push({ keyword, value });
  }
  return { globals, stages };
}

/** Returns the values of all instructions of a stage that have this keyword. */
export function valuesOf({ instructions }: Stage, keyword: string): string[] {
  return instructions.filter((each) => each.keyword === keyword).map(({ value }) => value);
}

/** Returns the words of an instruction in its exec form. Throws if it has another form, which would start a shell. */
export function wordsOf(value: string): string[] {
  const words: unknown = JSON.parse(value);
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string'))
    throw new Error(`${value} is no list of words.`);
  return words;
}

/** Returns the variables of the `ENV` instructions of a stage. */
export function environmentOf(stage: Stage): Record<string, string> {
  return Object.fromEntries(
    valuesOf(stage, 'ENV').flatMap((value) =>
      value.split(/ +/).map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    ),
  );
}
