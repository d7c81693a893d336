import { z } from 'zod';

type Issue = z.core.$ZodIssue;
type IssueOf<Code extends Issue['code']> = Extract<Issue, { code: Code }>;

const { localeError: defaultMessageOf } = z.locales.en();

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

const formatNames: Readonly<Record<string, string>> = {
  url: 'a URL',
  email: 'an email address',
  uuid: 'a UUID',
  datetime: 'a date and time in ISO 8601',
  date: 'a date in ISO 8601',
  jwt: 'a JWT',
};

/** Returns the message that the author of a schema wrote, or else a sentence of our own. It never quotes the value. */
export function toSentence(issue: Issue): string {
  return isDefaultMessage(issue) ? describe(issue) : issue.message;
}

/** Returns whether the field is absent. */
export function isMissing(issue: Issue): boolean {
  return issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
}

/** Returns the name of a type for a message, such as `a text`. */
export function toTypeName(expected: string): string {
  return typeNames[expected] ?? `of the type ${expected}`;
}

/** Returns names as a list with `or` before the last. */
export function joinWithOr(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`;
}

/** Returns whether zod wrote the message, and not the author of the schema. */
export function isDefaultMessage(issue: Issue): boolean {
  const written = defaultMessageOf(issue as z.core.$ZodRawIssue);
  const message = typeof written === 'object' ? written?.message : written;
  if (issue.code !== 'invalid_type') return issue.message === message;
  // An issue does not keep the value, so that the received type can be read only from the message.
  return issue.message.startsWith(String(message).replace(/received .*$/, 'received '));
}

function describe(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return describeType(issue);
    case 'too_small':
      return describeMinimum(issue);
    case 'too_big':
      return describeMaximum(issue);
    case 'invalid_format':
      return describeFormat(issue as z.core.$ZodStringFormatIssues);
    case 'invalid_value': {
      const values = issue.values.map((value) => `\`${String(value)}\``);
      return `must be ${values.length > 2 ? 'one of ' : ''}${joinWithOr(values)}`;
    }
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'invalid_key':
      return `has a name that cannot be used; it ${describeInner(issue.issues)}`;
    case 'invalid_element':
      return `has an entry that cannot be used; it ${describeInner(issue.issues)}`;
    case 'unrecognized_keys':
      return 'has unknown fields';
    case 'invalid_union':
      return describeUnion(issue);
    case 'custom':
      return 'cannot be used';
  }
}

function describeInner(issues: readonly Issue[]): string {
  const [first] = issues;
  if (first === undefined) return 'cannot be used';
  return isMissing(first) ? 'is missing' : toSentence(first);
}

function describeType({ expected, message }: IssueOf<'invalid_type'>): string {
  if (expected === 'never') return 'must be absent';
  const received = typeNames[/received (\w+)$/.exec(message)?.[1] ?? ''];
  // `must be a whole number, not a number` would be a riddle.
  const isClear = received !== undefined && expected !== 'boolean' && !(expected === 'int' && received === 'a number');
  return `must be ${toTypeName(expected)}${isClear && received !== typeNames[expected] ? `, not ${received}` : ''}`;
}

function describeMinimum({ origin, minimum, inclusive, exact }: IssueOf<'too_small'>): string {
  const unit = unitOf(origin, minimum);
  if (unit === undefined) return `must be ${inclusive === true ? 'at least' : 'more than'} ${String(minimum)}`;
  if (exact !== true && Number(minimum) <= 1) return 'must not be empty';
  return `must have ${exact === true ? 'exactly' : 'at least'} ${String(minimum)} ${unit}`;
}

function describeMaximum({ origin, maximum, inclusive, exact }: IssueOf<'too_big'>): string {
  const unit = unitOf(origin, maximum);
  if (unit === undefined) return `must be ${inclusive === true ? 'at most' : 'less than'} ${String(maximum)}`;
  return `must have ${exact === true ? 'exactly' : 'at most'} ${String(maximum)} ${unit}`;
}

/** Returns the unit of a size, or undefined if the limit is a number itself. */
function unitOf(origin: string, limit: number | bigint): string | undefined {
  const isOne = Number(limit) === 1;
  if (origin === 'string') return isOne ? 'character' : 'characters';
  if (origin === 'file') return isOne ? 'byte' : 'bytes';
  if (['array', 'set', 'map', 'record', 'object'].includes(origin)) return isOne ? 'entry' : 'entries';
  return undefined;
}

function describeFormat(issue: z.core.$ZodStringFormatIssues): string {
  switch (issue.format) {
    case 'starts_with':
      return `must begin with \`${issue.prefix}\``;
    case 'ends_with':
      return `must end with \`${issue.suffix}\``;
    case 'includes':
      return `must contain \`${issue.includes}\``;
    case 'regex':
      return `must match the pattern ${issue.pattern}`;
    default:
      return `must be ${formatNames[issue.format] ?? `a valid ${issue.format.replaceAll('_', ' ')}`}`;
  }
}

function describeUnion({
  discriminator,
  options,
  inclusive,
}: z.core.$ZodIssueInvalidUnion & { options?: readonly unknown[] }): string {
  if (inclusive === false) return 'fits several of the allowed forms, and must fit only one';
  if (discriminator === undefined || options === undefined) return 'has none of the allowed forms';
  return `must be ${joinWithOr(options.map((option) => `\`${String(option)}\``))}`;
}
