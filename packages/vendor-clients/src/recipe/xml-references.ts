/** The entities that every XML document has (XML 1.0 section 4.6). */
const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const reference = /&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|([a-z]{2,4}));/g;

/** Returns a text with its references to characters replaced (XML 1.0 section 4.1). Every other reference stays as it is. */
function decode(text: string): string {
  return text.replaceAll(reference, (written: string, decimal?: string, hexadecimal?: string, name = '') => {
    if (decimal === undefined && hexadecimal === undefined)
      return (Object.hasOwn(named, name) ? named[name] : undefined) ?? written;
    const point = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal);
    const isCharacter = point > 0 && point <= 0x10_ff_ff && !(point >= 0xd8_00 && point <= 0xdf_ff);
    return isCharacter ? String.fromCodePoint(point) : written;
  });
}

const ignore = (): void => undefined;

/** Reads references in XML without the entities that the document declares, which could make a small document a large one. */
export const xmlReferences = {
  decode,
  addInputEntities: ignore,
  setExternalEntities: ignore,
  setXmlVersion: ignore,
  reset: ignore,
};
