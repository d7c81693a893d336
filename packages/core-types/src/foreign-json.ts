/**
 * Parses JSON that another program wrote. One byte order mark at its start is dropped, because RFC 8259 section 8.1 allows a
 * parser to ignore it and some servers and editors write it. Throws a `SyntaxError`, whose message quotes the text.
 */
export function parseForeignJson(text: string | Uint8Array): unknown {
  const decoded = typeof text === 'string' ? text : Buffer.from(text.buffer, text.byteOffset, text.length).toString();
  return JSON.parse(decoded.startsWith('\uFEFF') ? decoded.slice(1) : decoded) as unknown;
}
