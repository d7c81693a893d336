const redacted = '[redacted]';

/** A shorter text would also stand in words that are no secret. */
const minLength = 4;

/** Replaces secrets in what a trial prints. */
export interface Redaction {
  /** From now on, replaces this text, also where it is encoded. */
  readonly add: (secret: string) => void;
  /** Returns a text without the secrets. */
  readonly inText: (text: string) => string;
  /** Returns a value of JSON without the secrets, at every depth. */
  readonly inValue: (value: unknown) => unknown;
}

/** Creates a redaction that knows no secret yet. */
export function createRedaction(): Redaction {
  const secrets = new Set<string>();
  const inText = (text: string): string => {
    const longestFirst = [...secrets].toSorted((one, other) => other.length - one.length);
    return longestFirst.reduce((rest, secret) => rest.replaceAll(secret, redacted), text);
  };
  const inValue = (value: unknown): unknown => {
    if (typeof value === 'string') return inText(value);
    if (Array.isArray(value)) return value.map(inValue);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [inText(name), inValue(member)]));
  };
  return {
    add(secret) {
      if (secret.length < minLength) return;
      const bytes = Buffer.from(secret);
      const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
      for (const form of [...forms, bytes.toString('base64'), bytes.toString('base64url')]) secrets.add(form);
    },
    inText,
    inValue,
  };
}

/** Returns a text of which only the words before its secret remain: `Bearer [redacted]` for `Bearer {secrets.apiKey}`. */
export function redactAfter(template: string): string {
  const [before = ''] = template.split('{', 1);
  return before + redacted;
}
