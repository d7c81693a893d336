/** The time of most cases: 2026-11-27T17:20:00Z. */
export const nowSeconds = 1_795_800_000;

/** A legal text with all characters that a template, a URL, a form, a header or a JSON text may spoil. */
export const hostileText = `Zoë 名前 🔑 "double" 'single' back\\slash a/b + 50% %2F & = ? # : , ; ! * ( ) [ ] ~ | ^ \` @ <b> {user.id} \${x}`;
