import { z } from 'zod';
import type { AdminClient } from './admin-client.ts';

/** The longest page of a list that the admin API returns. */
const pageLimit = '1000';

const cursorShape = { next_cursor: z.string().optional() };
const mappingSchema = z.object({
  issuer: z.string(),
  subject: z.string(),
  connection: z.string(),
  vendor_user_id: z.string(),
});
const blockSchema = z.object({
  issuer: z.string(),
  subject: z.string(),
  reason: z.string().optional(),
  actor: z.string().optional(),
  at: z.string().optional(),
});
const mappingsSchema = z.object({ mappings: z.array(mappingSchema), ...cursorShape });
const blocksSchema = z.object({ blocks: z.array(blockSchema), ...cursorShape });

/** The vendor user of a principal at a connection, as the admin API names its parts. */
export type ListedMapping = z.output<typeof mappingSchema>;
/** A blocked principal, as the admin API names its parts. */
export type ListedBlock = z.output<typeof blockSchema>;

/** Reads mappings page by page. */
export async function* readMappings(client: AdminClient, query: Readonly<Record<string, string>> = {}) {
  let page: z.output<typeof mappingsSchema> | undefined;
  do {
    page = await client.read(mappingsSchema, '/v1/vendor-users', queryOf(query, page?.next_cursor));
    yield page.mappings;
  } while (page.next_cursor !== undefined);
}

/** Reads blocks page by page. */
export async function* readBlocks(client: AdminClient, query: Readonly<Record<string, string>> = {}) {
  let page: z.output<typeof blocksSchema> | undefined;
  do {
    page = await client.read(blocksSchema, '/v1/blocked-users', queryOf(query, page?.next_cursor));
    yield page.blocks;
  } while (page.next_cursor !== undefined);
}

function queryOf(query: Readonly<Record<string, string>>, cursor: string | undefined): Record<string, string> {
  return { limit: pageLimit, ...query, ...(cursor !== undefined && { cursor }) };
}
