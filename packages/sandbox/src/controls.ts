import { z } from 'zod';
import type { Sandbox } from './sandbox.ts';

/** What can be done to the vendors over HTTP: what their consoles do, by the names that the state has in code. */
export type Controlled = Pick<
  Sandbox,
  'nabla' | 'nudge' | 'nymbl' | 'authgear' | 'vital' | 'rotateKeys' | 'withdrawKeys'
>;

const names = z.array(z.string().min(1));
const issuers = z.array(z.enum(['nabla', 'nudge', 'nymbl-idp', 'authgear', 'vital', 'idp']));
const user = z.string().min(1);

/** Reads a value into the act that is to follow, so that nothing happens before the whole body is found valid. */
const act = <Schema extends z.ZodType>(schema: Schema, run: (value: z.output<Schema>) => unknown) =>
  schema.transform((value) => async (): Promise<void> => void (await run(value))).optional();

/** The body of `POST /_state`, read into what it asks for. Keys rotate before they are withdrawn. */
export const createControlSchema = ({ nabla, nudge, nymbl, authgear, vital, ...keys }: Controlled) =>
  z
    .strictObject({
      nabla: z.strictObject({
        setServerKeys: act(names, nabla.setServerKeys),
        revokeSessions: act(user, nabla.revokeSessions),
      }),
      nudge: z.strictObject({
        setApiKeys: act(names, nudge.setApiKeys),
        setTokensEnabled: act(z.boolean(), nudge.setTokensEnabled),
      }),
      nymbl: z.strictObject({
        setClientSecrets: act(names, nymbl.setClientSecrets),
        setApiKeys: act(names, nymbl.setApiKeys),
        setRateLimited: act(z.boolean(), nymbl.setRateLimited),
        revokeTokens: act(z.literal(true), nymbl.revokeTokens),
      }),
      authgear: z.strictObject({
        revokeSessions: act(z.union([user, z.literal(true)]), (whose) =>
          authgear.revokeSessions(whose === true ? undefined : whose),
        ),
        disableUser: act(user, authgear.disableUser),
        enableUser: act(user, authgear.enableUser),
      }),
      vital: z.strictObject({
        setApiKeys: act(names, vital.setApiKeys),
        revokeSessions: act(user, vital.revokeSessions),
        disableUser: act(user, vital.disableUser),
        enableUser: act(user, vital.enableUser),
      }),
      keys: z.strictObject({
        rotate: act(issuers, (values) => Promise.all(values.map(keys.rotateKeys))),
        withdraw: act(issuers, (values) => Promise.all(values.map(keys.withdrawKeys))),
      }),
    })
    .partial()
    .transform((vendors) => async (): Promise<void> => {
      for (const acts of Object.values(vendors)) {
        for (const run of Object.values(acts ?? {})) await run?.();
      }
    });

export type ControlSchema = ReturnType<typeof createControlSchema>;
