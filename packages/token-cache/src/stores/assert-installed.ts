/** Throws a `TypeError` unless this package can resolve `name`, an optional package that a store with a `url` needs. */
export function assertInstalled(name: string): void {
  try {
    import.meta.resolve(name);
  } catch {
    throw new TypeError(
      `A store with a \`url\` needs the package \`${name}\`, which is not installed. Run \`npm install ${name}\`; in a ` +
        'bundle, pass a `client` instead.',
    );
  }
}
