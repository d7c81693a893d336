/** Longest time, in seconds, for which a vendor may send us away. */
const longestRetryAfterSeconds = 120;

/**
 * Reads `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date in any of the three HTTP forms. The answer lies
 * between 1 and {@link longestRetryAfterSeconds}; it is absent where the header says nothing that can be understood.
 */
export function parseRetryAfter(header: string | string[] | undefined, nowMs: number): number | undefined {
  const text = (Array.isArray(header) ? header[0] : header)?.trim();
  if (text === undefined) return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : secondsUntil(text, nowMs);
  if (seconds === undefined) return undefined;
  return Math.min(Math.max(Math.ceil(seconds), 1), longestRetryAfterSeconds);
}

const dayName = /^(mon|tue|wed|thu|fri|sat|sun)/i;

function secondsUntil(date: string, nowMs: number): number | undefined {
  if (!dayName.test(date)) return undefined;
  // The asctime form names no zone and means UTC.
  const dateMs = Date.parse(/gmt$/i.test(date) ? date : `${date} GMT`);
  return Number.isNaN(dateMs) ? undefined : (dateMs - nowMs) / 1000;
}
