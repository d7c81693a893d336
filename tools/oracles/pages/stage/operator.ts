import { createBroker } from '@valetkey/broker';
import { createSandbox, simulateRecipe } from '@valetkey/sandbox';
import { findRecipe } from '@valetkey/vendor-clients';
import { issuesTokens, sampleOf } from '@valetkey/vendor-clients/recipe';
import { parse } from 'yaml';
import { readBlocks } from '../../../clients/page-code.ts';
import type { PageOracle } from '../../define-page.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The users of the app. The sandbox is their identity provider. */
const users = {
  alice: { team: 'red', name: 'Alice', nickname: 'Al' },
  /** Is in no team. */
  carol: { name: 'Carol', nickname: 'Ca' },
} as const;

export type UserName = keyof typeof users;

/** Returns the connections that a vendor's page tells the operator to write. */
function readPageConnections(page: string): Readonly<Record<string, Fields>> {
  const blocks = readBlocks(page, 'yaml').map(
    ({ code }) => parse(code) as { readonly vendors?: Record<string, Fields> },
  );
  return Object.assign({}, ...blocks.map(({ vendors = {} }) => vendors)) as Record<string, Fields>;
}

/** Returns a connection of a page with values of the sandbox in the place of its references. */
function fillIn(connection: Fields, values: Fields): Fields {
  const filled = Object.entries(connection).map(([name, value]) =>
    typeof value === 'string' && value.startsWith('${') ? [name, values[name]] : [name, value],
  );
  const { baseUrl } = values;
  return { ...(Object.fromEntries(filled) as Fields), ...(baseUrl !== undefined && { baseUrl }) };
}

/** A page of a vendor, with the connections of it that are used. */
export type VendorPage = Pick<PageOracle<never>, 'page' | 'connections' | 'alike'>;

function readConnections({ page, connections, alike = {} }: VendorPage): Readonly<Record<string, Fields>> {
  const printed = readPageConnections(page);
  const used = [...connections.map((name) => [name, name] as const), ...Object.entries(alike)];
  return Object.fromEntries(
    used.map(([name, printedName]) => {
      const connection = printed[printedName];
      if (connection === undefined) throw new Error(`${page} prints no connection ${printedName}.`);
      return [name, connection];
    }),
  );
}

/** Starts a broker with the connections of the pages as they are printed. The vendors that it calls itself are simulated. */
export async function startOperator(pages: readonly VendorPage[], appOrigin: string) {
  const printed: Readonly<Record<string, Fields>> = Object.assign({}, ...pages.map(readConnections));
  const simulations = Object.keys(printed).flatMap((id) => {
    const vendor = findRecipe(id);
    return vendor === undefined || !issuesTokens(vendor) ? [] : [simulateRecipe(sampleOf(vendor.recipe))];
  });
  const sandbox = await createSandbox({ simulations });
  const connections = Object.fromEntries(
    Object.entries(printed).map(([id, connection]) => [id, fillIn(connection, sandbox.connections[id] ?? {})]),
  );
  const broker = createBroker({
    listen: { port: 0 },
    admin: { port: 0 },
    store: { sqlite: ':memory:' },
    log: { level: 'silent' },
    cors: { origins: [appOrigin] },
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
    vendors: connections,
  });
  const { brokerUrl } = await broker.listen();
  return {
    brokerUrl,
    connections,
    mintAppToken: (user: UserName) => sandbox.mintUserToken({ sub: user, claims: users[user] }),
    close: async () => {
      await broker.close();
      await sandbox.close();
    },
  };
}
