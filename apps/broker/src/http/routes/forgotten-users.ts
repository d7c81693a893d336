import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify';
import type { Audit } from '../../audit/audit.ts';
import type { PrincipalId, Store } from '../../storage/store.ts';
import { addRoute } from '../server.ts';
import { actorOf } from './admin-authentication.ts';
import { parse, principalSchema } from './admin-input.ts';

interface ForgottenUsersDependencies {
  readonly store: Store;
  readonly audit: Audit;
}

/**
 * Adds `PUT /v1/forgotten-users`: erases a principal. Its vendor users and its block are removed, and its decisions lose their
 * personal fields. What the vendors know of the person stays there.
 */
export function addForgottenUsersRoute(
  server: FastifyInstance,
  { store, audit }: ForgottenUsersDependencies,
  authentication: onRequestAsyncHookHandler,
): void {
  addRoute(
    server,
    '/v1/forgotten-users',
    {
      PUT: async (request) => {
        const principal = parse(principalSchema, request.body);
        await audit.assertWritable(request.id);
        const vendorUsers = await removeVendorUsers(store, principal);
        const wasBlocked = await store.unblockUser(principal);
        await store.deleteTraces(principal);
        const decisions = await audit.forget(principal);
        await audit.record({
          requestId: request.id,
          operation: 'forget',
          issuer: principal.issuer,
          subject: '',
          outcome: 'allowed',
          actor: actorOf(request),
        });
        return { vendor_users: vendorUsers, was_blocked: wasBlocked, decisions };
      },
    },
    authentication,
  );
}

async function removeVendorUsers(store: Store, { issuer, subject }: PrincipalId): Promise<number> {
  const found = await store.listVendorUsers({ issuer, subject });
  for (const { vendorUserId, ...target } of found) {
    await store.removeVendorUser({ ...target, issuer, subject }, vendorUserId);
  }
  return found.length;
}
