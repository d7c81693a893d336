import { codeOfForeignError } from '@valetkey/core-types';
import { readTextFile, wrongEncoding } from '../config/read-text-file.ts';
import { AdminRefusal, createAdminClient, type AdminClient, type AdminOptions } from './admin-client.ts';
import { readMappings, type ListedMapping } from './admin-lists.ts';
import { CommandError } from './command-error.ts';
import { markOf, print } from './terminal.ts';
import { csvColumns, parseCsv, type CsvRecord } from './users-csv.ts';

export interface ImportOptions extends AdminOptions {
  readonly dryRun?: boolean;
}

/** The most characters of a vendor user. */
const maxVendorUserLength = 255;

/**
 * Stores each mapping of a CSV file, and prints the number and the problem of each line that cannot be stored. With `--dry-run`,
 * it checks the lines and the names of their connections, and stores nothing.
 */
export async function importUsers(file: string, { dryRun = false, ...options }: ImportOptions): Promise<void> {
  const records = await parseCsv(await readCsvFile(file));
  const client = await createAdminClient(options);
  const apply = dryRun ? createConnectionCheck(client) : (mapping: ListedMapping) => store(client, mapping);
  const findProblem = createLineCheck();
  let valid = 0;
  for (const record of records) {
    const problem = findProblem(record) ?? (await applyLine(record, apply, valid));
    if (problem === undefined) valid += 1;
    else print(`${markOf('failed')} line ${record.line}: ${problem}`);
  }
  const counts = `${valid} of ${records.length} mappings`;
  print(dryRun ? `${counts} can be stored. Nothing was changed.` : `${counts} are stored.`);
  if (valid < records.length) process.exitCode = 1;
}

async function readCsvFile(file: string): Promise<string> {
  try {
    return await readTextFile(file);
  } catch (error) {
    const code = codeOfForeignError(error);
    throw new CommandError(
      code === wrongEncoding ? `${file} is not text in UTF-8` : `${file} cannot be read (${code ?? 'Error'})`,
    );
  }
}

/** Returns a function that returns the problem of a record which no broker needs to be asked about. */
function createLineCheck(): (record: CsvRecord) => string | undefined {
  const lines = new Map<string, number>();
  return ({ line, fields }) => {
    if (fields.length !== csvColumns.length) return `has ${fields.length} fields in place of ${csvColumns.length}`;
    const empty = csvColumns.find((_, index) => fields[index] === '');
    if (empty !== undefined) return `${empty} is empty`;
    if ((fields[3] ?? '').length > maxVendorUserLength) {
      return `vendor_user_id has more than ${maxVendorUserLength} characters`;
    }
    const key = JSON.stringify(fields.slice(0, 3));
    const other = lines.get(key);
    if (other !== undefined) return `names the same user and connection as line ${other}`;
    lines.set(key, line);
    return undefined;
  };
}

type Apply = (mapping: ListedMapping) => Promise<unknown>;

/** Returns the problem for which the broker refuses a line. Rejects if the next line would fail as well. */
async function applyLine({ line, fields }: CsvRecord, apply: Apply, before: number): Promise<string | undefined> {
  const [issuer = '', subject = '', connection = '', id = ''] = fields;
  try {
    await apply({ issuer, subject, connection, vendor_user_id: id });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error instanceof AdminRefusal && [400, 404].includes(error.status)) return error.message;
    throw new CommandError(`stopped at line ${line}, after ${before} mappings: ${error.message}`);
  }
}

function store(client: AdminClient, body: ListedMapping): Promise<unknown> {
  return client.fetch('/v1/vendor-users', { method: 'PUT', body });
}

/** Returns a function that rejects if the broker has no connection of this name. It asks once for each name. */
function createConnectionCheck(client: AdminClient): Apply {
  const asked = new Map<string, Promise<unknown>>();
  return ({ connection }) => {
    const known = asked.get(connection) ?? readMappings(client, { connection, limit: '1' }).next();
    asked.set(connection, known);
    return known;
  };
}
