import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { toIdentifier } from './names.ts';
import { notice } from './vendor-lists.ts';

const folder = 'packages/vendor-clients/src/vendors';
const ending = '.recipe.ts';

/** A file with a recipe. */
export interface RecipeFile {
  /** The name of the file, which is the id of the recipe. */
  readonly id: string;
  /** The folder of the vendor, which is the name of its page. */
  readonly vendor: string;
}

/** Returns the recipes of the catalog: the files `<id>.recipe.ts` in the folders of the vendors, in the order of their ids. */
export function listRecipes(root: string): RecipeFile[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: vendor }) =>
      readdirSync(join(root, folder, vendor))
        .filter((file) => file.endsWith(ending))
        .map((file) => ({ id: file.slice(0, -ending.length), vendor })),
    )
    .toSorted((one, other) => (one.id < other.id ? -1 : 1));
}

/** Returns `packages/vendor-clients/src/catalog.ts`. */
export function renderCatalog(recipes: readonly RecipeFile[]): string {
  const names = recipes.map(({ id, vendor }) => ({ id, vendor, name: `${toIdentifier(id)}Recipe` }));
  const imports = names.map(({ id, vendor, name }) => `import { ${name} } from './vendors/${vendor}/${id}${ending}';`);
  const entries = names.map(({ id, name }) => `${toIdentifier(id) === id ? id : `'${id}'`}: ${name},`);
  return `${notice}
import type { AnyRecipeInput } from './recipe/define-recipe.ts';
${imports.join('\n')}

/** Every recipe of the catalog, by its id. It is data: \`findRecipe\` checks and compiles it. */
export const recipes: Readonly<Record<string, AnyRecipeInput>> = {
${entries.join('\n')}
};
`;
}
