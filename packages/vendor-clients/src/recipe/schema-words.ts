import { z } from 'zod';

// The words of which the schema of a recipe consists.

export const name = z
  .string()
  .regex(/^[a-z][A-Za-z0-9]{0,39}$/, { error: 'must be letters and digits, beginning with a-z' });
export const wireName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,39}$/, { error: 'must be lower-case words joined by underscores' });
export const sentence = z.string().min(1).max(400);
export const template = z.string().max(4_096).describe('A text in which `{path | filter}` stands for a value.');
export const value = z.json().describe('A value of JSON whose texts are templates.');
export const values = z.record(z.string().regex(/^[^\p{Cc}]{1,100}$/u), value);
export const characters = z
  .string()
  .min(1)
  .max(200)
  .describe(
    'The characters that the text may have: single ones and ranges, such as `A-Za-z0-9_-`. `printable` is every character except control characters, and the default. `multiline` is the same with line breaks and tabs.',
  );
