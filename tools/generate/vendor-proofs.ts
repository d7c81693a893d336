import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProxyRecipe, Recipe } from '@valetkey/vendor-clients/recipe';
import { readSdkRequests } from '../../apps/broker/test/support/sdk-requests.ts';
import type { RecipeFile } from './catalog.ts';
import { renderTable } from './config-reference.ts';

const folder = 'packages/vendor-clients/src/vendors';

/** A recipe of the catalog with its place. */
export interface PlacedRecipe extends RecipeFile {
  readonly recipe: Recipe | ProxyRecipe;
}

/** Returns the table of the recipes for `docs/vendors/README.md`. */
export function renderRecipeTable(root: string, recipes: readonly PlacedRecipe[]): string {
  const rows = recipes.map(({ id, vendor, recipe }) => [
    `[${recipe.title}](${vendor}.md)`,
    `\`${id}\``,
    ...('proxy' in recipe ? describeProxy(id) : describeIssue(root, { id, vendor, recipe })),
    recipe.docs?.hook ?? '',
    recipe.docs?.withdrawal ?? '',
  ]);
  const head = ['vendor', '`vendor`', 'mechanism', 'proof', 'bound to', 'life', 'the caller may set'];
  return renderTable([...head, 'hook of the client SDK', 'withdrawn by'], rows);
}

function describeIssue(root: string, { id, vendor, recipe }: RecipeFile & { readonly recipe: Recipe }): string[] {
  return [
    describeMechanism(recipe),
    describeProof(root, { id, vendor }),
    recipe.binding,
    describeLife(recipe),
    describeParameters(recipe),
  ];
}

/** Describes a recipe that forwards calls. It is proven if the published client SDK gets an answer through a broker. */
function describeProxy(id: string): string[] {
  const { sdks, requests } = readSdkRequests();
  const sdk = requests.find(({ connection }) => connection === id)?.sdk ?? '';
  const proof = Object.hasOwn(sdks, sdk) ? `${sdk} ${sdks[sdk]} works unmodified` : 'from documentation';
  return ['forwarded calls', proof, 'account', 'no token', 'what the recipe allows (listed models)'];
}

/** Returns the names of the vendors that have recipes: what the titles of their recipes begin with. */
export function listRecipeVendors(recipes: readonly PlacedRecipe[]): string[] {
  const folders = [...new Set(recipes.map(({ vendor }) => vendor))];
  return folders.map((each) => {
    const titles = recipes.filter(({ vendor }) => vendor === each).map(({ recipe }) => recipe.title.split(' '));
    const [first = [], ...others] = titles;
    const shared = first.findIndex((word, index) => others.some((words) => words[index] !== word));
    return (shared < 1 ? first : first.slice(0, shared)).join(' ');
  });
}

/** Returns the sentence about the recipes for the root README. */
export function renderRecipeSentence(recipes: readonly PlacedRecipe[]): string {
  const names = listRecipeVendors(recipes).toSorted((one, other) => one.localeCompare(other, 'en'));
  return `Further vendors are [recipes](docs/vendors/README.md), data instead of code: ${names.slice(0, -1).join(', ')} and ${names.at(-1)}. [Your own](docs/add-a-vendor.md) is one file.`;
}

function describeMechanism({ steps }: Recipe): string {
  const parts = steps.flatMap((step) => {
    if ('http' in step) return ['request'];
    if ('jwt' in step) return [`JWT (${step.jwt.header.alg})`];
    if ('sign' in step) {
      const { hmac, signature } = step.sign;
      if (signature !== undefined) return [`signature (${signature})`];
      return [hmac === undefined ? 'digest' : `HMAC (${hmac})`];
    }
    return 'set' in step ? [] : [Object.keys(step).find((kind) => kind !== 'as') ?? ''];
  });
  return [...new Set(parts)].join(', ');
}

/**
 * Describes how a recipe is proven. It equals an official SDK only if the output of that SDK is recorded. It is verified if a test
 * of its own lets another library accept its token.
 */
function describeProof(root: string, { id, vendor }: RecipeFile): string {
  const place = join(root, folder, vendor);
  const fixture = join(place, 'fixtures', `${id}.json`);
  if (existsSync(fixture)) {
    const { oracle } = JSON.parse(readFileSync(fixture, 'utf8')) as {
      oracle: { package: string; version: string; checkedOn: string };
    };
    return `equal to ${oracle.package} ${oracle.version} on ${oracle.checkedOn}`;
  }
  const tests = readdirSync(place).filter((file) => file.endsWith('.test.ts'));
  const isVerified = tests.some((file) => {
    const source = readFileSync(join(place, file), 'utf8');
    return source.includes(`'./${id}.recipe.ts'`) && /\bjwtVerify\b.*from 'jose'/.test(source);
  });
  return isVerified ? 'verified by jose' : 'from documentation';
}

const readable = (seconds: number): string => `${seconds.toLocaleString('en-US')} s`;

function describeLife({ life, answer: { expiry } }: Recipe): string {
  if (life !== undefined) return `${readable(life.default)}, at most ${readable(life.max)}`;
  if (expiry === 'unknown') return 'unknown';
  if (typeof expiry === 'object' && 'seconds' in expiry) return readable(expiry.seconds);
  return 'as the vendor decides';
}

function describeParameters({ parameters, life }: Recipe): string {
  const own = Object.entries(parameters)
    .filter(([, { from }]) => from === 'caller')
    .map(([name, { authorize }]) => `\`${name}\`${authorize === true ? ' (listed values)' : ''}`);
  const all = [...own, ...(life === undefined ? [] : ['`expires_in_seconds`'])];
  return all.length === 0 ? 'nothing' : all.join(', ');
}
