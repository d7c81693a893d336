/** Throws a `TypeError` if the optional package that a `url` needs cannot be found from this package. */
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
