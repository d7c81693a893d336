/** Throws a `TypeError` where the optional package that a `url` wants is not installed beside this one. */
export const assertInstalled = (name: string): void => {
  try {
    import.meta.resolve(name);
  } catch {
    throw new TypeError(
      `The store needs the package \`${name}\` for its \`url\`, and it is not installed: \`npm install ${name}\`. ` +
        'In a bundle, give a `client` instead.',
    );
  }
};
