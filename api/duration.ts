const units: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Milliseconds of a duration as Go writes it: `5s`, `1m30s`, `500ms`, `-1.5h`, `0`; undefined for other text.
 * Source: Go `time.ParseDuration`.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^([-+]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.exec(text);
  if (!match) return /^[-+]?0$/.test(text) ? 0 : undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g))
    total += Number(number) * (units[unit ?? ''] ?? 0);
  return match[1] === '-' ? -total : total;
}
