import type { SampleJson } from '@valetkey/core-types';

const references: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Writes a sample as XML: a field is an element, and a list is one element for each member. Without a field, it is `<empty/>`. */
export function writeXml(body: SampleJson): string {
  return (isGroup(body) ? writeFields(body) : '') || '<empty/>';
}

type Group = Readonly<Record<string, SampleJson>>;

function isGroup(value: SampleJson): value is Group {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function writeFields(fields: Group): string {
  return Object.entries(fields)
    .map(([name, value]) => write(name, value))
    .join('');
}

function write(name: string, value: SampleJson): string {
  if (Array.isArray(value)) return value.map((member: SampleJson) => write(name, member)).join('');
  const text = isGroup(value)
    ? writeFields(value)
    : String(value ?? '').replaceAll(/[&<>]/g, (sign) => references[sign] ?? sign);
  return `<${name}>${text}</${name}>`;
}
