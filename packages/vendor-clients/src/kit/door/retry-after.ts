/** The longest pause that a vendor may ask for, in seconds. */
const maxRetryAfterSeconds = 120;

/**
 * Parses `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date in any of the three HTTP formats. Returns 1 to
 * {@link maxRetryAfterSeconds} seconds, or undefined for a header that cannot be parsed.
 */
export function parseRetryAfter(header: string | string[] | undefined, nowMs: number): number | undefined {
  const text = (Array.isArray(header) ? header[0] : header)?.trim();
  if (text === undefined) return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : secondsUntil(text, nowMs);
  if (seconds === undefined) return undefined;
  return Math.min(Math.max(Math.ceil(seconds), 1), maxRetryAfterSeconds);
}

const dayName = /^(mon|tue|wed|thu|fri|sat|sun)/i;

function secondsUntil(date: string, nowMs: number): number | undefined {
  if (!dayName.test(date)) return undefined;
  // The asctime format names no zone and means UTC.
  const dateMs = Date.parse(/gmt$/i.test(date) ? date : `${date} GMT`);
  return Number.isNaN(dateMs) ? undefined : (dateMs - nowMs) / 1000;
}
