import { expect, test } from 'vitest';
import { openMemoryDatabase } from '../../test/support/memory-database.ts';
import { createSqlStore } from './sql-store.ts';
import type { LinkedDecision } from './audit-store.ts';

const principal = { issuer: 'https://id.example.com', subject: 'alice' };
const target = { connection: 'vital', vendor: 'vital' };
const key = { ...principal, ...target };
const link = { writer: 'w', sequence: 1, mac: 'm', salt: 's', personalDigest: 'd' };
const decision: LinkedDecision = {
  at: '2026-01-01T00:00:00.000Z',
  requestId: 'r1',
  operation: 'issue',
  ...key,
  outcome: 'allowed',
};

/** The tables that have few rows: one for each broker process, or only one. */
const small = /^SCAN (change_counter|schema_version|audit_writer|audit_checkpoint)\b/;
/** What is no table: the row of the expression before, or a list that another part of the statement limits. */
const derived = /^SCAN (CONSTANT ROW|known|part|first|examined|\d+ CONSTANT ROWS?)\b/;

test('no statement of a store reads a whole table that grows with users, requests or time', async () => {
  const { sql, statements, planOf } = openMemoryDatabase();
  const store = createSqlStore(sql);
  const [id = 0] = await store.recordDecisions([{ ...decision, link }, decision]);
  await store.countDecisions([{ id, times: 2, lastAt: decision.at, mac: null }]);
  await store.addVendorUser(key, 'one');
  await store.setVendorUser(key, 'two');
  await store.findVendorUser(key);
  await store.listVendorUsers(principal);
  await store.reserveVendorUser(key, { owner: 'o', nowMs: 0, expiresAtMs: 1 });
  await store.releaseVendorUser(key, 'o');
  for (const after of [undefined, key]) {
    for (const issuer of [undefined, principal.issuer]) {
      for (const page of [{}, { target }]) await store.listMappings({ ...page, issuer, after, limit: 10 });
      await store.listBlocks({ issuer, after, limit: 10 });
    }
  }
  await store.forgetVendorUser(key, 'two');
  await store.removeVendorUser(key, 'two');
  await store.blockUser(principal);
  await store.isBlocked(principal);
  await store.unblockUser(principal);
  const times = { tokenExpiresAtMs: 1, issuedUntilSeconds: 1, keepUntilMs: 1 };
  await store.recordLogout({ ...principal, session: 's', tokenId: 't', ...times });
  await store.listRevocations(principal);
  await store.isSessionRevoked({ issuer: principal.issuer, session: 's' });
  const proof = { proofId: 'p', callerId: 'c', nowMs: 0, expiresAtMs: 1, maxOfCaller: 1 };
  for (const proofId of ['p', 'p', 'q']) await store.rememberProof({ ...proof, proofId });
  await store.readChanges(0);
  await store.deleteExpired(Date.now(), 10);
  await store.deleteTraces(principal);
  await store.listIssuers();
  await store.setSubjectRule({ issuer: principal.issuer, subjectClaims: 'sub' }, undefined);
  await store.listChains();
  await store.readChain({ writer: 'w', after: { sequence: 1, id: 1 }, limit: 10 });
  await store.listDecisions({ subject: 'alice', limit: 10 });
  await store.listPersonal(principal, 10);
  await store.erasePersonal([{ id, erasure: null }]);
  await store.countUnchained();
  await store.deleteDecisions({ beforeMs: Date.now(), after: { at: '', id: 0 }, limit: 10 });
  await store.cutChain({ writer: 'w', sequence: 1, mac: 'm', at: decision.at, signature: 's' });
  await store.check();
  const scans = [...statements].flatMap((statement) =>
    planOf(statement)
      .filter((step) => step.startsWith('SCAN') && !/ USING (COVERING )?INDEX /.test(step))
      .filter((step) => !small.test(step) && !derived.test(step))
      .map((step) => `${step}: ${statement}`),
  );
  await store.close();
  expect(scans).toEqual([]);
});
