/** Throws a `TypeError` where the optional package that a `url` wants cannot be found from this one. */
export const assertInstalled = (name: string): void => {
  try {
    import.meta.resolve(name);
  } catch {
    throw new TypeError(
      `The store needs the package \`${name}\` for its \`url\`, and cannot find it: \`npm install ${name}\`, or, in a ` +
        'bundle, give a `client`.',
    );
  }
};
