import type { Block, Mapping, MappingPage, Page, PrincipalId } from './store.ts';
import { optionalTextOf, targetOf, textOf, toTarget, type Row } from './rows.ts';

// Each statement reads a range of an index, so that a page costs the same anywhere in the list. The rules of issuers
// are rows without a subject, and no mappings.
const mappings = 'SELECT issuer, subject, vendor, vendor_user_id FROM vendor_user WHERE';
const blocks = 'SELECT issuer, subject, reason, actor, at FROM blocked_user WHERE';
const statements = {
  mappings: `${mappings} (issuer, subject, vendor) > ($1, $2, $3) AND subject <> '' ORDER BY issuer, subject, vendor LIMIT $5`,
  mappingsOfIssuer: `${mappings} issuer = $1 AND (subject, vendor) > ($2, $3) AND subject <> ''
    ORDER BY subject, vendor LIMIT $5`,
  mappingsOfTarget: `${mappings} vendor = $4 AND (issuer, subject) > ($1, $2) AND subject <> '' ORDER BY issuer, subject LIMIT $5`,
  mappingsOfIssuerOfTarget: `${mappings} vendor = $4 AND issuer = $1 AND subject > $2 ORDER BY subject LIMIT $5`,
  blocks: `${blocks} (issuer, subject) > ($1, $2) ORDER BY issuer, subject LIMIT $3`,
  blocksOfIssuer: `${blocks} issuer = $1 AND subject > $2 ORDER BY subject LIMIT $3`,
} as const;

/** Creates the operations that return the pages of a list. */
export function createSqlLists(
  query: (statement: string, values: readonly (string | number)[]) => Promise<readonly Row[]>,
) {
  const principalOf = (row: Row) => ({ issuer: textOf(row, 'issuer'), subject: textOf(row, 'subject') });
  return {
    listMappings: async ({ issuer, after, target, limit }: MappingPage): Promise<Mapping[]> => {
      const ofIssuer = issuer === undefined ? '' : 'OfIssuer';
      const ofTarget = target === undefined ? '' : 'OfTarget';
      const rows = await query(statements[`mappings${ofIssuer}${ofTarget}`], [
        issuer ?? after?.issuer ?? '',
        after?.subject ?? '',
        after === undefined ? '' : toTarget(after),
        target === undefined ? '' : toTarget(target),
        limit,
      ]);
      return rows.map((row) => ({
        ...targetOf(row),
        ...principalOf(row),
        vendorUserId: textOf(row, 'vendor_user_id'),
      }));
    },
    listBlocks: async ({ issuer, after, limit }: Page<PrincipalId>): Promise<Block[]> => {
      const rows = await query(statements[issuer === undefined ? 'blocks' : 'blocksOfIssuer'], [
        issuer ?? after?.issuer ?? '',
        after?.subject ?? '',
        limit,
      ]);
      return rows.map((row) => ({
        ...principalOf(row),
        reason: optionalTextOf(row, 'reason'),
        actor: optionalTextOf(row, 'actor'),
        at: optionalTextOf(row, 'at'),
      }));
    },
  };
}
