// Writes the lines of the CHANGELOG.md files. `changeset version` loads this file, which .changeset/config.json names.

/** What the lines need of a changeset of the tool `changesets`. */
interface Changeset {
  readonly summary: string;
}

/** What the lines need of a package of this repository that another one depends on. */
interface Dependency {
  readonly name: string;
  readonly newVersion: string;
}

/** Returns the line about a change: its sentences, without a commit, which says nothing to the users of a package. */
export function getReleaseLine({ summary }: Changeset): string {
  return `- ${joinLines(summary)}`;
}

/** Returns one line about all packages of this repository whose newer versions a package needs. */
export function getDependencyReleaseLine(
  _changesets: readonly Changeset[],
  dependencies: readonly Dependency[],
): string {
  if (dependencies.length === 0) return '';
  const names = dependencies.map(({ name, newVersion }) => `\`${name}\` ${newVersion}`).toSorted();
  return `- Uses ${new Intl.ListFormat('en', { type: 'conjunction' }).format(names)}.`;
}

/** Joins the lines of each paragraph: an editor broke them for the width of its window. Further paragraphs belong to the line. */
function joinLines(text: string): string {
  const paragraphs = text.trim().split(/\n\s*\n/);
  return paragraphs
    .map((paragraph) =>
      paragraph
        .split('\n')
        .map((line) => line.trim())
        .join(' '),
    )
    .join('\n\n  ');
}
