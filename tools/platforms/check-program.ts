const importCore = `import * as sdk from '@valetkey/client-sdk';
import * as session from '@valetkey/client-sdk/session';
`;

/** How a program loads the entries of the package. `core` leaves the sign-in out, which needs more of its platform. */
export const loaders = {
  core: `${importCore}const login = { createLogin() {} };
`,
  import: `${importCore}import * as login from '@valetkey/client-sdk/login';
`,
  require: `const sdk = require('@valetkey/client-sdk');
const session = require('@valetkey/client-sdk/session');
const login = require('@valetkey/client-sdk/login');
`,
} as const;

/** A function that issues one token, provokes one error and resolves with {@link checkResult}. */
export const checkFunction = `async function check(brokerUrl) {
  const createClient = (token) => sdk.createValetClient({ brokerUrl, getAppToken: () => token });
  const { token } = await createClient('app-token').issue('nudge');
  const error = await createClient(null).issue('nudge').catch((error) => error);
  const isError = [error instanceof sdk.ValetError, error instanceof Error, session.ValetError.isInstance(error)];
  return JSON.stringify([token, error.code, ...isError, typeof session.createSession, typeof login.createLogin]);
}
`;

export const checkResult = JSON.stringify([
  'sandbox-only-token',
  'signed_out',
  true,
  true,
  true,
  'function',
  'function',
]);

/** Returns a program that prints {@link checkResult}. */
export function writeProgram(loader: keyof typeof loaders, brokerUrl: string): string {
  return `${loaders[loader]}${checkFunction}check('${brokerUrl}').then((result) => console.log(result));\n`;
}
