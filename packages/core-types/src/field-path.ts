/** A name as authors write it in code. A secret in the wrong place is usually longer or has other characters or more digits. */
const fieldName = /^[A-Za-z](?=[A-Za-z0-9_]{0,39}$)[A-Za-z_]*(?:[0-9][A-Za-z_]*){0,3}$/;

/** Returns whether a key looks like the name of a field. Any other key may be a secret and must not be printed. */
export function isFieldName(key: string): boolean {
  return fieldName.test(key);
}

/** Returns the path of a field for a message. A key that does not look like the name of a field is replaced. */
export function toFieldPath(path: readonly PropertyKey[]): string {
  return path.map(toSegment).join('.');
}

function toSegment(key: PropertyKey): string {
  const isIndex = typeof key === 'number' || /^\d{1,4}$/.test(String(key));
  return isIndex || isFieldName(String(key)) ? String(key) : '(hidden name)';
}

/** Returns the name that a misspelt name most likely means, or undefined if no name is similar. */
export function findSimilarName(misspelt: string, names: readonly string[]): string | undefined {
  const rated = names.map((name) => ({ name, distance: countEdits(normalize(misspelt), normalize(name)) }));
  const [best] = rated.toSorted((one, other) => one.distance - other.distance);
  return best !== undefined && best.distance <= (best.name.length > 4 ? 2 : 1) ? best.name : undefined;
}

const normalize = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, '');

/** Returns how many characters have to be inserted, removed or replaced to turn one text into the other. */
function countEdits(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [row, character] of [...from].entries()) {
    const current = [row + 1];
    for (let column = 0; column < to.length; column += 1) {
      const replaced = (previous[column] ?? 0) + (character === to[column] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
