/** Texts by the place where they were found: a log, a response, a file. */
export type Places = Readonly<Record<string, string | Buffer>>;

/** Returns the plain secret, and the encoded forms in which a text may contain it. */
function formsOf(secret: string): Readonly<Record<string, string>> {
  const bytes = Buffer.from(secret);
  // The base64 of a secret depends on whether 0, 1 or 2 bytes precede it. Characters that also encode other bytes are cut off.
  const base64 = [0, 1, 2].map((offset) => {
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    return shifted.slice(offset === 0 ? 0 : offset + 1, -2);
  });
  return {
    plain: secret,
    percent: encodeURIComponent(secret),
    json: JSON.stringify(secret).slice(1, -1),
    hex: bytes.toString('hex'),
    reversed: [...secret].toReversed().join(''),
    ...Object.fromEntries(base64.map((text, offset) => [`base64+${offset}`, text])),
    ...Object.fromEntries(base64.map((text, offset) => [`base64url+${offset}`, toUrlAlphabet(text)])),
  };
}

const toUrlAlphabet = (base64: string) => base64.replaceAll('+', '-').replaceAll('/', '_');

/** Returns the name, form and place of each secret that it finds in a place, but never the secret itself. */
export function findSecrets(secrets: Readonly<Record<string, string>>, places: Places): string[] {
  const texts = Object.entries(places).map(
    ([place, text]) => [place, typeof text === 'string' ? text : text.toString('latin1')] as const,
  );
  return Object.entries(secrets).flatMap(([name, secret]) => {
    const forms = Object.entries(formsOf(secret));
    return texts.flatMap(([place, text]) => {
      const [form] = forms.find(([, shape]) => text.includes(shape)) ?? [];
      return form === undefined ? [] : [`${name} (${form}) in ${place}`];
    });
  });
}
