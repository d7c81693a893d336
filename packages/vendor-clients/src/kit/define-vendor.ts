import { randomUUID } from 'node:crypto';
import {
  describeSchemaProblems,
  systemClock,
  VendorSetupError,
  type CallOptions,
  type Clock,
  type SecretSlots,
  type Vendor,
  type VendorDefinition,
  type Verification,
} from '@valetkey/core-types';
import { z } from 'zod';
import { createCredential, fingerprint, type Credential, type CredentialDeclaration } from './credentials.ts';
import { openDoor, type ClientDependencies, type Door } from './door/door.ts';
import type { VendorName } from './door/response.ts';
import { directEgress } from './egress/egress.ts';
import { baseUrlSchema, timeoutMsSchema } from './option-schemas.ts';

/** What every client has beside its vendor's own methods. */
export interface VendorClient {
  /**
   * Checks the configured credentials at the vendor, without a lasting effect there. Resolves to what was proven and what
   * could not be checked. Rejects with `vendor_auth_failed` if the vendor refuses a credential, and with another code if the
   * call fails otherwise.
   */
  readonly verify: (options?: CallOptions) => Promise<Verification>;
  /** Closes the client's sockets. */
  readonly close: () => Promise<void>;
}

/** A client's own methods, as `connect` returns them; `close` is added to them. */
export type WithoutClose<Client extends VendorClient> = Omit<Client, 'close'>;

type DeclaredCredentials = Readonly<Record<string, CredentialDeclaration>>;
type Shape<Credentials extends DeclaredCredentials, Options extends z.ZodRawShape> = z.util.Flatten<
  { [Name in keyof Credentials]: Credentials[Name]['schema'] } & Options & { timeoutMs: typeof timeoutMsSchema }
>;

/** The schema of a vendor's options: its credentials, its own options and `timeoutMs`. */
export type OptionsSchema<Credentials extends DeclaredCredentials, Options extends z.ZodRawShape> = z.ZodObject<
  Shape<Credentials, Options>,
  z.core.$strict
>;

/** What `abilities` receives beside the client. */
export interface VendorContext<Credentials extends DeclaredCredentials, Options extends z.ZodRawShape> {
  /** The vendor's names, for errors. */
  readonly vendor: VendorName;
  /** The parsed options, credentials included. */
  readonly options: z.output<OptionsSchema<Credentials, Options>>;
  readonly credentials: {
    readonly [Name in keyof Credentials]: Credential<z.output<Credentials[Name]['schema']>['current']>;
  };
}

/** What `connect` receives. */
export interface ConnectContext<
  Credentials extends DeclaredCredentials,
  Options extends z.ZodRawShape,
> extends VendorContext<Credentials, Options> {
  /**
   * Opens a door to a base URL. It is closed with the vendor. Throws a `TypeError` for a URL that {@link baseUrlSchema}
   * or the egress refuses.
   */
  readonly openDoor: (baseUrl: string) => Door;
  readonly clock: Clock;
  readonly createUuid: () => string;
}

/** The abilities of a vendor. An absent ability is one that the vendor does not have. */
export type VendorAbilities = Pick<
  Vendor,
  'issue' | 'users' | 'proxy' | 'authenticate' | 'endpoint' | 'revoke' | 'claims'
>;

/** The declaration of a vendor. */
export interface VendorDeclaration<
  Credentials extends DeclaredCredentials,
  Options extends z.ZodRawShape,
  Client extends Pick<VendorClient, 'verify'>,
> {
  /** Lower-case words joined by hyphens. It names the vendor in the configuration, in routes and in errors. */
  readonly id: string;
  /** The vendor's name as people write it. */
  readonly title: string;
  /**
   * The form of the vendor's own errors, as its documentation shows them: a schema of JSON, or of text. A 401 or 403 of any
   * other form comes from a firewall on the way and does not count as a refusal of the credentials. Default: a JSON object
   * with a customary field, such as `error`, `message` or `detail`.
   */
  readonly errorBody?: z.ZodType | undefined;
  /** The options that hold a credential. Each accepts one value, or two while it is being rotated. */
  readonly credentials: Credentials;
  /** All other options, each with a `.describe('…')` sentence. `timeoutMs` is added to them. */
  readonly options: Options;
  /** Checks options that depend on each other. `field` is the path of the wrong field, such as `cache.seconds`. */
  check?(
    options: z.output<OptionsSchema<Credentials, Options>>,
    report: (field: string, message: string) => void,
  ): void;
  /** Creates the client. It must not use a resource before the client's first call. */
  connect(context: ConnectContext<Credentials, Options>): Client;
  abilities(client: Client, context: VendorContext<Credentials, Options>): VendorAbilities;
}

/** A vendor for the broker, whose client can also be used without the broker. */
export interface DefinedVendor<
  Credentials extends DeclaredCredentials,
  Options extends z.ZodRawShape,
  Client extends Pick<VendorClient, 'verify'>,
> extends VendorDefinition<OptionsSchema<Credentials, Options>> {
  /** Creates the vendor for the broker. It uses no resource before the first call. */
  create(options: z.output<OptionsSchema<Credentials, Options>>, dependencies?: ClientDependencies): Vendor;
  /** Creates the client. Throws a `TypeError` that names each wrong option and never its value. */
  createClient(
    options: z.input<OptionsSchema<Credentials, Options>>,
    dependencies?: ClientDependencies,
  ): Client & Pick<VendorClient, 'close'>;
}

/**
 * Defines a vendor: its options, its client and its abilities. The rest derives from this declaration: the two slots of each
 * credential, the `secret_switched` event, the version of a credential for cache keys, the checks of `valetkey doctor`, and
 * `close`.
 *
 * @example
 * ```ts
 * import { defineVendor, issueForAccount, readJson, secretCredential, tokenSchema, z } from '@valetkey/vendor-clients/kit';
 *
 * export const acme = defineVendor({
 *   id: 'acme',
 *   title: 'Acme',
 *   credentials: { apiKey: secretCredential('The API key of the Acme dashboard.') },
 *   options: {},
 *   connect({ credentials: { apiKey }, openDoor }) {
 *     const door = openDoor('https://api.acme.example');
 *     const createToken = (signal?: AbortSignal) => {
 *       const operation = door.begin({ signal });
 *       return apiKey.use(async (key) => {
 *         const headers = { authorization: `Bearer ${key.reveal()}` };
 *         const response = await operation.send({ method: 'POST', path: '/v1/tokens', headers });
 *         return readJson(response, z.object({ token: tokenSchema }));
 *       });
 *     };
 *     return {
 *       createToken,
 *       async verify({ signal } = {}) {
 *         await createToken(signal);
 *         return { proven: ['`apiKey` is accepted'] };
 *       },
 *     };
 *   },
 *   abilities: (client) => ({
 *     issue: issueForAccount({ issue: async ({ signal }) => ({ fields: await client.createToken(signal) }) }),
 *   }),
 * });
 * ```
 */
export function defineVendor<
  const Credentials extends DeclaredCredentials,
  Options extends z.ZodRawShape,
  Client extends Pick<VendorClient, 'verify'>,
>(declared: VendorDeclaration<Credentials, Options, Client>): DefinedVendor<Credentials, Options, Client> {
  type Context = VendorContext<Credentials, Options>;
  const { id, title, errorBody } = declared;
  const vendor: VendorName = { id, title, errorBody };
  const options = toSchema<Credentials, Options>(declared);

  const start = (parsed: Context['options'], dependencies: ClientDependencies = {}) => {
    const { timeoutMs } = parsed as { readonly timeoutMs: number };
    const doors: Door[] = [];
    const credentials = openCredentials<Credentials, Options>(declared, parsed, dependencies);
    const context: Context = { vendor, options: parsed, credentials };
    const client = declared.connect({
      ...context,
      openDoor(url) {
        const { success, data: baseUrl, error } = baseUrlSchema.safeParse(url);
        if (!success)
          throw new VendorSetupError(`${title} cannot be called: its URL ${describeSchemaProblems(error)}.`);
        if ((dependencies.egress ?? directEgress).refuses(baseUrl)) {
          throw new VendorSetupError(
            `${title} cannot be called: its URL names a private address. List the address or its network in \`egress.allow\` if the broker may call it.`,
          );
        }
        const door = openDoor({ vendor, baseUrl, timeoutMs }, dependencies);
        doors.push(door);
        return door;
      },
      clock: dependencies.clock ?? systemClock,
      createUuid: dependencies.createUuid ?? randomUUID,
    });
    const close = async (): Promise<void> => {
      await Promise.all(doors.map((door) => door.close()));
    };
    return { client, context, close };
  };

  return {
    id,
    title,
    options,
    credentials: Object.keys(declared.credentials),
    create(parsed, dependencies) {
      const { client, context, close } = start(parsed, dependencies);
      const abilities = declared.abilities(client, context);
      return { id, ...abilities, verify: (callOptions) => client.verify(callOptions), close };
    },
    createClient(given, dependencies) {
      const { success, data, error } = options.safeParse(given);
      if (!success) {
        const problems = describeSchemaProblems(error, options, given);
        throw new VendorSetupError(`${title} cannot be set up: ${problems}.`);
      }
      const { client, close } = start(data, dependencies);
      return { ...client, close };
    },
  };
}

type Declared<Credentials extends DeclaredCredentials, Options extends z.ZodRawShape> = Pick<
  VendorDeclaration<Credentials, Options, VendorClient>,
  'id' | 'credentials' | 'options' | 'check'
>;

function toSchema<Credentials extends DeclaredCredentials, Options extends z.ZodRawShape>(
  declared: Declared<Credentials, Options>,
): OptionsSchema<Credentials, Options> {
  const slots = Object.entries(declared.credentials).map(([name, { schema }]) => [name, schema]);
  // A vendor whose calls take long has a `timeoutMs` with another default.
  const { timeoutMs = timeoutMsSchema, ...own } = declared.options;
  const shape = { ...Object.fromEntries(slots), ...own, timeoutMs };
  const schema = z.strictObject(shape) as unknown as OptionsSchema<Credentials, Options>;
  if (declared.check === undefined) return schema;
  return schema.superRefine((parsed, context) => {
    const report = (field: string, message: string): void => {
      context.addIssue({ code: 'custom', path: field === '' ? [] : field.split('.'), message });
    };
    const problem = describeFailureOf(() => declared.check?.(parsed, report));
    if (problem !== undefined) report('', problem);
  });
}

/** Runs the check of a vendor. Its error is not shown, because it may quote an option. */
function describeFailureOf(check: () => unknown): string | undefined {
  try {
    const result = check();
    if (!(result instanceof Promise)) return undefined;
    result.catch(() => undefined);
    return 'cannot be checked, because `check` of this vendor is asynchronous';
  } catch {
    return 'cannot be checked, because `check` of this vendor throws an error';
  }
}

function openCredentials<Credentials extends DeclaredCredentials, Options extends z.ZodRawShape>(
  { id, credentials }: Declared<Credentials, Options>,
  options: VendorContext<Credentials, Options>['options'],
  { onEvent }: ClientDependencies,
): VendorContext<Credentials, Options>['credentials'] {
  const slotsByOption = options as Readonly<Record<string, SecretSlots<unknown>>>;
  const entries = Object.entries(credentials).map(([option, declaration]) => {
    const slots = slotsByOption[option] as SecretSlots<unknown>;
    const version = fingerprint(...declaration.identify(slots.current));
    const onSwitch = (slot: 'current' | 'next') => onEvent?.({ type: 'secret_switched', vendor: id, option, slot });
    return [option, createCredential(slots, version, onSwitch)];
  });
  return Object.fromEntries(entries) as VendorContext<Credentials, Options>['credentials'];
}
