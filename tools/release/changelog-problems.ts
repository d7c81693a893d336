const maxCharacters = 700;

/** Returns what makes a CHANGELOG.md hard to read: unknown forms of lines, commits, unfinished sentences, repetitions. */
export function listChangelogProblems(text: string): string[] {
  const problems: string[] = [];
  let section = new Set<string>();
  for (const [index, line] of text.split('\n').entries()) {
    const report = (problem: string) => problems.push(`line ${index + 1} ${problem}: ${line.slice(0, 80)}`);
    if (line.startsWith('#')) section = new Set();
    if (line === '' || /^# @valetkey\/|^## \d+\.\d+\.\d+$|^### (?:Major|Minor|Patch) Changes$/.test(line)) continue;
    if (!/^(?:- | {2})\S/.test(line)) report('is neither a heading nor a change');
    if (/^- [0-9a-f]{7,}:/.test(line)) report('begins with a commit');
    if (!/[.:]\)?$/.test(line)) report('is no complete sentence');
    if (line.length > maxCharacters) report(`has ${line.length} characters`);
    if (section.has(line)) report('is written twice');
    section.add(line);
  }
  return problems;
}
