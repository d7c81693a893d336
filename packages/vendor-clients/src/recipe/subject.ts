import { createHash } from 'node:crypto';
import { parseCharacters } from './character-set.ts';
import type { RecipeSubject } from './recipe-schema.ts';

const mark = 'vkh';
/** 128 bits, so that nobody finds two names with one hash. */
const digits = 32;
const hashedForm = new RegExp(`^${mark}[0-9a-f]{${digits}}$`);

/** The fewest characters that a hashed name needs. */
export const hashedLength = mark.length + digits;

/** Returns whether a vendor accepts hashed names. */
export function acceptsHashes({ characters, max }: RecipeSubject): boolean {
  return max >= hashedLength && parseCharacters(characters).accepts(`${mark}0123456789abcdef`);
}

/** Compiles the rule for names of users: returns whether the vendor accepts a name. */
export function compileSubject(subject: RecipeSubject) {
  const { accepts } = parseCharacters(subject.characters);
  const fits = (name: string): boolean =>
    name !== '' && name.length <= subject.max && name.isWellFormed() && accepts(name);
  return {
    fits,
    /**
     * Returns the name under which the vendor knows a person, or undefined if it can have none. A name that does not fit
     * is hashed. One that looks hashed is hashed too, so that nobody can choose the hash of another person's name.
     */
    nameOf(name: string): string | undefined {
      if (fits(name) && !hashedForm.test(name)) return name;
      if (subject.otherwise === 'refuse') return undefined;
      return mark + createHash('sha256').update(name).digest('hex').slice(0, digits);
    },
  };
}
