/** A schedule in Cron format: minute, hour, day of month, month, day of week; or `@every DURATION`. */
export interface CronSchedule {
  /** The first moment (ms since the epoch) after `after`; undefined when there is none within five years. */
  next(after: number): number | undefined;
}

interface Field {
  least: number;
  most: number;
  names?: readonly string[];
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const fields: readonly Field[] = [
  { least: 0, most: 59 },
  { least: 0, most: 23 },
  { least: 1, most: 31 },
  { least: 1, most: 12, names: ['', ...months] },
  { least: 0, most: 6, names: weekdays },
];
const descriptors: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/**
 * Reads the text of a CronJob's schedule; times are those of `timeZone` (an IANA name, default UTC). The
 * dialect and its messages are those of robfig/cron v3, which upstream uses: Sunday is 0 alone, `?` is `*`.
 * @throws Error that says what is wrong with the text
 */
export function parseCron(text: string, timeZone = 'UTC'): CronSchedule {
  const spec = text.trim();
  if (spec === '') throw new Error('empty spec string');
  if (spec.startsWith('@every ')) return everySchedule(spec.slice('@every '.length));
  const resolved = spec.startsWith('@') ? descriptors[spec] : spec;
  if (resolved === undefined) throw new Error(`unrecognized descriptor: ${spec}`);
  const parts = resolved.split(/\s+/);
  if (parts.length !== fields.length) {
    throw new Error(`expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`);
  }
  const [minute, hour, day, month, weekday] = fields.map((field, index) =>
    parseField(parts[index] ?? '', field),
  );
  if (!minute || !hour || !day || !month || !weekday) throw new Error(`unreadable schedule: ${spec}`);
  const clock = clockOf(timeZone);
  // Two restrictions of the day mean either of them, as in cron(8).
  const matchesDay = (at: Wall) => {
    const [first, second] = [day.values.has(at.day), weekday.values.has(at.weekday)];
    return day.any || weekday.any ? first && second : first || second;
  };

  return {
    next(after) {
      let time = (Math.floor(after / 60_000) + 1) * 60_000;
      const limit = after + 5 * 366 * 86_400_000;
      while (time <= limit) {
        const at = clock(time);
        if (!month.values.has(at.month) || !matchesDay(at)) time = nextDay(time, at, clock);
        else if (!hour.values.has(at.hour)) time += (60 - at.minute) * 60_000;
        else if (!minute.values.has(at.minute)) time += 60_000;
        else return time;
      }
      return undefined;
    },
  };
}

/** True for names of the IANA database that this machine knows. */
export function isTimeZone(name: string): boolean {
  try {
    clockOf(name);
    return name !== '' && name.toLowerCase() !== 'local';
  } catch {
    // Intl knows no zone of that name: that is the answer.
    return false;
  }
}

interface Values {
  values: ReadonlySet<number>;
  /** Written as `*`: no restriction. */
  any: boolean;
}

function parseField(text: string, field: Field): Values {
  const ranges = text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => parseRange(part, field));
  return { values: new Set(ranges.flatMap(({ numbers }) => numbers)), any: ranges.some(({ any }) => any) };
}

function parseRange(text: string, field: Field): { numbers: number[]; any: boolean } {
  const [range = '', stepText, ...tooMany] = text.split('/');
  const [low = '', high, ...more] = range.split('-');
  if (more.length > 0) throw new Error(`too many hyphens: ${text}`);
  if (tooMany.length > 0) throw new Error(`too many slashes: ${text}`);
  const isStar = low === '*' || low === '?';
  const step = stepText === undefined ? 1 : parseNumber(stepText);
  const start = isStar ? field.least : parseNumber(low, field.names);
  // `5/15` means from 5 on.
  const single = stepText === undefined ? start : field.most;
  const end = isStar ? field.most : high === undefined ? single : parseNumber(high, field.names);
  if (start < field.least)
    throw new Error(`beginning of range (${start}) below minimum (${field.least}): ${text}`);
  if (end > field.most) throw new Error(`end of range (${end}) above maximum (${field.most}): ${text}`);
  if (start > end) throw new Error(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
  if (step === 0) throw new Error(`step of range should be a positive number: ${text}`);
  const numbers: number[] = [];
  for (let number = start; number <= end; number += step) numbers.push(number);
  return { numbers, any: isStar && step === 1 };
}

function parseNumber(text: string, names: readonly string[] = []): number {
  const named = text === '' ? -1 : names.indexOf(text.toLowerCase());
  if (named >= 0) return named;
  if (/^-\d+$/.test(text)) throw new Error(`negative number (${text}) not allowed: ${text}`);
  if (!/^\+?\d+$/.test(text)) {
    throw new Error(
      `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  return Number(text);
}

function everySchedule(text: string): CronSchedule {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw new Error(
      `failed to parse duration @every ${text}: time: invalid duration ${JSON.stringify(text)}`,
    );
  }
  const asked = parts.reduce((sum, [, number, unit = '']) => sum + Number(number) * (units[unit] ?? 0), 0);
  const delay = Math.max(1000, Math.floor(asked / 1000) * 1000);
  return { next: (after) => Math.floor(after / 1000) * 1000 + delay };
}

/** What a clock on the wall shows. */
interface Wall {
  month: number;
  day: number;
  weekday: number;
  hour: number;
  minute: number;
}

function clockOf(timeZone: string): (time: number) => Wall {
  if (timeZone === 'UTC' || timeZone === 'Etc/UTC') return utcWall;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  return (time) => {
    const part = new Map(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
    const number = (name: Intl.DateTimeFormatPartTypes) => part.get(name) ?? 0;
    const [year, month, day] = [number('year'), number('month'), number('day')];
    const weekday = new Date(Date.UTC(year, month - 1, day)).getUTCDay();
    return { month, day, weekday, hour: number('hour'), minute: number('minute') };
  };
}

function utcWall(time: number): Wall {
  const date = new Date(time);
  return {
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
  };
}

/** The next midnight, also on the days that have 23 or 25 hours; where clocks skip midnight, what comes for it. */
function nextDay(time: number, at: Wall, clock: (time: number) => Wall): number {
  const guess = time + (24 * 60 - at.hour * 60 - at.minute) * 60_000;
  const { hour, minute } = clock(guess);
  const past = hour * 60 + minute;
  if (past > 12 * 60) return guess + (24 * 60 - past) * 60_000;
  const midnight = guess - past * 60_000;
  return clock(midnight).day === at.day ? guess : midnight;
}
