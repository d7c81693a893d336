import { findSimilarName } from '@valetkey/core-types';
import { CommandError } from './command-error.ts';
import {
  listIssuerSettings,
  otherProvider,
  providerNames,
  type IssuerSettings,
  type Setting,
} from './starter-issuers.ts';
import { describeStarterVendor, vendorIds, type StarterVendor } from './starter-vendors.ts';

/** What the flags of `valetkey init` say. */
export interface StarterFlags {
  readonly provider?: string;
  /** `domain=id.example.com` */
  readonly setting?: readonly string[];
  readonly vendor?: readonly string[];
  /** `vital.region=eu` */
  readonly option?: readonly string[];
  readonly yes?: boolean;
}

/** Prints a text and a prompt at the terminal. Resolves with the typed line. */
export type Ask = (text: string, prompt: string) => Promise<string>;

/** A vendor of the first configuration, with the values of its settings. */
export interface ChosenVendor extends StarterVendor {
  readonly chosen: Readonly<Record<string, string>>;
}

/** What the files of a first configuration are made of. */
export interface StarterAnswers {
  readonly provider: string;
  readonly issuerSettings: IssuerSettings;
  readonly vendors: readonly ChosenVendor[];
}

/** Something to decide. Without a flag or an answer, it is the example. */
interface Question {
  /** `--setting domain=…` */
  readonly flag: string;
  readonly text: string;
  readonly example: string;
  readonly choices: readonly string[];
  /** Whether the answer is several texts with commas between them. */
  readonly isList: boolean;
}

/**
 * Collects the answers: what a flag says counts, `ask` asks for the others, and without `ask` they are the examples, if `yes` allows
 * it. Rejects with a `CommandError` that lists the wrong flags, or the missing ones.
 */
export async function collectAnswers(flags: StarterFlags, ask?: Ask): Promise<StarterAnswers> {
  const settings = parsePairs('--setting', 'name=value', flags.setting);
  const options = parsePairs('--option', 'vendor.name=value', flags.option);
  const missing: string[] = [];
  const decide = async (question: Question, given: string | undefined): Promise<readonly string[]> => {
    if (given !== undefined) return readAnswer(question, given, `\`${question.flag}\` `);
    if (ask !== undefined && flags.yes !== true) return askUntilRight(question, ask);
    if (flags.yes !== true) missing.push(question.flag);
    return readAnswer(question, question.example, '');
  };
  const fill = async (flag: string, prefix: string, asked: readonly Setting[], given: Map<string, string>) => {
    const values: Record<string, string | readonly string[]> = {};
    for (const { name, description, example, choices = [] } of asked) {
      const isList = typeof example !== 'string';
      const text = `${prefix}${name}: ${description}`;
      const question = { flag: `${flag} ${prefix}${name}=…`, text, example: String(example), choices, isList };
      const answers = await decide(question, given.get(`${prefix}${name}`));
      given.delete(`${prefix}${name}`);
      values[name] = isList ? answers : (answers[0] ?? '');
    }
    return values;
  };

  const [provider = ''] = await decide(providerQuestion, flags.provider);
  const issuerSettings = await fill('--setting', '', listIssuerSettings(provider) ?? [], settings);
  const ids = await decide(vendorQuestion(), flags.vendor?.join(','));
  const vendors: ChosenVendor[] = [];
  for (const vendor of [...new Set(ids)].flatMap((id) => describeStarterVendor(id) ?? [])) {
    const chosen = await fill('--option', `${vendor.id}.`, vendor.settings, options);
    vendors.push({ ...vendor, chosen: chosen as Readonly<Record<string, string>> });
  }
  refuseMissing(missing);
  refuseUnknown('--setting', settings, `the identity provider ${provider}`);
  refuseUnknown('--option', options, ids.join(', '));
  return { provider, issuerSettings, vendors };
}

const providerQuestion: Question = {
  flag: '--provider',
  text: 'Who issues the tokens of your users?',
  example: otherProvider,
  choices: providerNames,
  isList: false,
};

/** The example is the first vendor that needs nothing but one credential. */
function vendorQuestion(): Question {
  const example = vendorIds.find((id) => {
    const { credentials = [], settings = [], examples = {} } = describeStarterVendor(id) ?? {};
    return credentials.length === 1 && settings.length === 0 && Object.keys(examples).length === 0;
  });
  const text = 'Which vendors do your apps use? Write commas between several.';
  return { flag: '--vendor', text, example: example ?? '', choices: vendorIds, isList: true };
}

/** Returns flags such as `domain=id.example.com` by their name. Throws if one has no name, or stands twice. */
function parsePairs(flag: string, form: string, pairs: readonly string[] = []): Map<string, string> {
  const values = new Map<string, string>();
  for (const pair of pairs) {
    const end = pair.indexOf('=');
    const name = pair.slice(0, end);
    if (end < 1) throw new CommandError(`\`${flag}\` must have the form \`${form}\``);
    if (values.has(name)) throw new CommandError(`\`${flag} ${name}=…\` stands twice; keep one`);
    values.set(name, pair.slice(end + 1));
  }
  return values;
}

async function askUntilRight(question: Question, ask: Ask): Promise<readonly string[]> {
  const { text, choices, example } = question;
  const list = choices.length === 0 ? '' : `\n  ${choices.join(', ')}`;
  let problem = '';
  for (;;) {
    const typed = (await ask(`${problem}\n${text}${list}`, `  [${example}] `)).trim();
    try {
      return readAnswer(question, typed === '' ? example : typed, '');
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      problem = `\n✗ ${error.message}\n`;
    }
  }
}

/** Returns the texts of an answer. Throws a `CommandError` that says what is wrong with it. */
function readAnswer({ choices, isList }: Question, answer: string, name: string): readonly string[] {
  // A line break or another control character comes from a mistaken paste, and none of these values has one.
  if (/\p{Cc}/u.test(answer)) throw new CommandError(`${name}must be one line without control characters`);
  const texts = (isList ? answer.split(',') : [answer]).map((text) => text.trim());
  if (texts.includes('')) throw new CommandError(`${name}must not be empty`);
  const wrong = texts.find((text) => choices.length > 0 && !choices.includes(text));
  if (wrong === undefined) return texts;
  const similar = findSimilarName(wrong, choices);
  const advice = similar === undefined ? `known are ${choices.join(', ')}` : `did you mean \`${similar}\`?`;
  throw new CommandError(`${name}has an unknown value; ${advice}`);
}

function refuseMissing(missing: readonly string[]): void {
  if (missing.length === 0) return;
  const flags = missing.map((flag) => `\`${flag}\``).join(', ');
  throw new CommandError(
    `there is no terminal at which to ask; write ${flags}, or \`--yes\` for example values, which you replace in the files`,
  );
}

function refuseUnknown(flag: string, rest: ReadonlyMap<string, string>, owner: string): void {
  const [name] = rest.keys();
  if (name !== undefined) {
    throw new CommandError(`\`${flag} ${name}=…\` is not asked for ${owner}; add it to the written configuration`);
  }
}
