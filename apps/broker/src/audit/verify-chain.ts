import type { AuditCheckpoint, AuditStore, AuditWriter, ChainedRow, ChainPart } from '../storage/audit-store.ts';
import { digestPersonal, macOf, type AuditKey } from './audit-key.ts';

/** The end of the chain of one writer. */
export interface ChainHead {
  readonly writer: string;
  readonly sequence: number;
  readonly mac: string;
}

/** A chain that was read to its end. */
export interface VerifiedChain {
  /** The end of the chain. */
  readonly head: ChainHead;
  /** The number of decisions that were read. */
  readonly decisions: number;
  /** How many of them have no personal fields, because a person was forgotten. */
  readonly erased: number;
  readonly problems: readonly string[];
  /** The keyed hash of the decision at the place that was asked for. Absent if no decision has this place. */
  readonly placeMac: string | undefined;
}

const pageSize = 1_000;

interface ChainToVerify {
  readonly store: Pick<AuditStore, 'readChain'>;
  readonly key: AuditKey;
  readonly writer: AuditWriter;
  readonly checkpoint: AuditCheckpoint | undefined;
  /** A place whose keyed hash is wanted. */
  readonly place?: number | undefined;
}

/** Reads the chain of one writer and names every decision that is not as the broker wrote it. */
export async function verifyChain({ store, key, writer, checkpoint, place }: ChainToVerify): Promise<VerifiedChain> {
  const problems: string[] = [];
  let placeMac: string | undefined;
  let head: ChainHead = { writer: writer.writer, sequence: 0, mac: writer.mac };
  let decisions = 0;
  let erased = 0;
  if (checkpoint !== undefined) {
    const { sequence, mac, at, signature } = checkpoint;
    if (signature === key.mac('checkpoint', writer.writer, sequence, mac, at)) head = { ...head, sequence, mac };
    else problems.push(`The checkpoint of writer ${writer.number} was changed.`);
  }
  let after: ChainPart['after'];
  for (;;) {
    const rows = await store.readChain({ writer: writer.writer, after, limit: pageSize });
    for (const row of rows) {
      const found = examineRow(row, head, key);
      problems.push(...found.map((problem) => `Writer ${writer.number}, ${nameOf(row)}: ${problem}`));
      decisions += 1;
      if (row.erasure !== null) erased += 1;
      if (row.link.sequence === place) placeMac = row.link.mac;
      if (row.link.sequence > head.sequence) head = { ...head, sequence: row.link.sequence, mac: row.link.mac };
      after = { sequence: row.link.sequence, id: row.id };
    }
    if (rows.length < pageSize) return { head, decisions, erased, problems, placeMac };
  }
}

const nameOf = ({ id, link }: ChainedRow) => `decision ${link.sequence} (row ${id})`;

/** Returns what is wrong with a row that follows the head of its chain. */
function examineRow(row: ChainedRow, head: ChainHead, key: AuditKey): string[] {
  const { columns, link } = row;
  const { writer, sequence, mac, salt, personalDigest } = link;
  if (sequence <= head.sequence) return ['was inserted: another decision has its place.'];
  if (sequence > head.sequence + 1) {
    const missing = sequence - head.sequence - 1;
    return [`${missing} ${missing === 1 ? 'decision is' : 'decisions are'} missing before it.`];
  }
  const problems: string[] = [];
  if (mac !== macOf(key, { writer, sequence, previous: head.mac, personalDigest }, columns))
    problems.push('was changed.');
  if (row.erasure === null ? salt === null || personalDigest !== digestPersonal(salt, columns) : !isErased(row, key)) {
    problems.push('its personal fields were changed.');
  }
  const { times, lastAt, timesMac } = row;
  const isCounted = times !== null || lastAt !== null || timesMac !== null;
  if (isCounted && timesMac !== key.mac('count', mac, times, lastAt)) {
    problems.push('the count of its repetitions was changed.');
  }
  return problems;
}

/** Returns whether the broker itself erased the personal fields of a row. */
function isErased({ link: { mac, salt }, erasure }: ChainedRow, key: AuditKey): boolean {
  return salt === null && erasure === key.mac('erasure', mac);
}
