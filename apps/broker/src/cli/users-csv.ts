import { CommandError } from './command-error.ts';

/** The columns of a CSV file of mappings, in this order. */
export const csvColumns = ['issuer', 'subject', 'connection', 'vendor_user_id'] as const;

/** A record of a CSV file, and the number of the line on which it ends. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

/**
 * Parses the text of a CSV file (RFC 4180) whose first line names the {@link csvColumns}, and returns the other records. Throws
 * {@link CommandError} if the text is no such file.
 */
export async function parseCsv(text: string): Promise<CsvRecord[]> {
  // Imported only here, so that the other commands start without it.
  const { parse, CsvError } = await import('csv-parse/sync');
  const bytes = Buffer.from(text);
  const records: CsvRecord[] = [];
  let line = 1;
  let counted = 0;
  // Counted here, because `csv-parse` counts CRLF twice inside quotes and before an empty line.
  const countLines = (end: number): void => {
    for (; counted < end; counted += 1) if (bytes[counted] === lineFeed) line += 1;
  };
  const addRecord = (fields: string[], { bytes: end }: { readonly bytes: number }): null => {
    // The last byte of the record may be its line feed.
    countLines(end - 1);
    records.push({ line, fields });
    return null;
  };
  try {
    parse(bytes, { ...csvOptions, on_record: addRecord });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // The message of the error quotes the file.
    const last = records.at(-1)?.line ?? 0;
    throw new CommandError(`the record after line ${last} is not CSV: a quote is missing or misplaced (${error.code})`);
  }
  const [header, ...rows] = records;
  if (header?.fields.join() === csvColumns.join()) return rows;
  throw new CommandError(`the first line of the file must be \`${csvColumns.join()}\``);
}

const lineFeed = 0x0a;

const csvOptions = {
  bom: true,
  relax_column_count: true,
  skip_empty_lines: true,
  record_delimiter: ['\r\n', '\n'],
};

/** Returns records as lines of CSV. */
export async function formatCsv(records: readonly (readonly string[])[]): Promise<string> {
  const { stringify } = await import('csv-stringify/sync');
  return stringify(records.map((record) => [...record]));
}
