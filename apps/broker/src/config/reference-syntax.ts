/** Where the value of a reference comes from. The values of the last two are read over the network. */
export type ReferenceKind = 'env' | 'file' | 'vault' | 'aws-sm';

/** A reference inside a text. */
export interface Reference {
  readonly kind: ReferenceKind;
  readonly name: string;
  /** The reference as it is written. */
  readonly text: string;
  /** Where it begins in the text. */
  readonly index: number;
}

const reference = /\$\{(env|file|vault|aws-sm):([^}]+)\}/g;

/** Any other `${…}` is refused as a misspelt reference. Otherwise the broker would use its text as the secret. */
const misspeltReference =
  /\$\s*\{[^}]*\}|\$\{(?:env|file|vault|aws-sm):|^\s*\{\s*(?:env|file|vault|aws-sm):[^}]*\}\s*$/;

/**
 * A whole text that is a reference in another language: of a shell (`$NAME`, `$(NAME)`, `$env:NAME`, `%NAME%`), of a template
 * (`{{ NAME }}`, `#{NAME}#`), of JavaScript (`process.env.NAME`), or without its braces (`env:NAME`, `env(NAME)`).
 */
const foreignReference =
  /^(?:\$\(?[A-Za-z_]\w*\)?|\$env:\w+|%[A-Za-z_]\w*%|[#%]\{.*\}#?|\{\{.*\}\}|(?:process|import\.meta|Deno|Bun)\.env\.\w+|\$?(?:env|file|aws-sm):\S+|(?:get)?env\(.*\)|os\.environ\W.*)$/i;

/** A whole text that names a secret in a secret manager, or the mounted file of a secret. */
const secretName =
  /^(?:op:\/\/|ref\+\w+:\/\/|\$?vault:\S+#|arn:aws[\w-]*:(?:secretsmanager|ssm):|projects\/[^/]+\/secrets\/|@Microsoft\.KeyVault\(|ENC\[|@?\/(?:var\/)?run\/secrets\/)/;

/** The names of query parameters that a call allows. OData's begin with `$`, as a variable of a shell does. */
const queryParameter = /^vendors\.[^.]+\.allow\.\d+\.query\.\d+$/;

/** The field with the path of a file that Kubernetes mounts below `/var/run/secrets`. */
const mountedFile = 'secrets.vault.auth.kubernetes.tokenFile';

/** Returns the references in a text. */
export function referencesIn(text: string): Reference[] {
  return [...text.matchAll(reference)].map(({ 0: whole, 1: kind = '', 2: name = '', index }) => ({
    kind: kind as ReferenceKind,
    name,
    text: whole,
    index,
  }));
}

/** Returns whether a text contains a reference. */
export function hasReference(text: string): boolean {
  return text.search(reference) !== -1;
}

/** Returns the files that the references in a text name. */
export function filesOf(text: string): string[] {
  return referencesIn(text).flatMap(({ kind, name }) => (kind === 'file' ? [name] : []));
}

/** Returns what is wrong with a text that looks like a reference and is none. */
export function findMistakenReference(text: string, field: string): string | undefined {
  if (misspeltReference.test(text.replaceAll(reference, '')))
    return 'has a `${…}` that is none of `${env:NAME}`, `${file:path}`, `${vault:path#field}` and `${aws-sm:name#field}`';
  if (!isForeignReference(text.trim())) return undefined;
  if (queryParameter.test(field) && /^\$[a-z]+$/.test(text)) return undefined;
  if (field === mountedFile && text.startsWith('/')) return undefined;
  return "looks like a reference, but the broker reads only '${env:NAME}', '${file:path}', '${vault:path#field}' and '${aws-sm:name#field}'";
}

function isForeignReference(text: string): boolean {
  return foreignReference.test(text) || secretName.test(text);
}

/** Returns whether a reference lacks its `$`. YAML reads `{env:NAME}` and `{{ NAME }}` as objects with one empty field. */
export function isReferenceAsObject(node: Readonly<Record<string, unknown>>): boolean {
  const [[name = '', value] = []] = Object.entries(node);
  return value === null && /^\{|^\s*(?:env|file|vault|aws-sm):/.test(name);
}
