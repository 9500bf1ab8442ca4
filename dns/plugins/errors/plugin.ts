import { parseDuration } from '../../../api/duration.ts';
import type { Dispenser } from '../../corefile/dispenser.ts';
import { compileExpression } from '../../corefile/expression.ts';
import type { Log, Plugin } from '../../plugin.ts';
import type { Query } from '../../wire/message.ts';

type Level = 'info' | 'warning' | 'error' | 'debug';

interface Pattern {
  period: number;
  /** As it stands in the Corefile. */
  source: string;
  expression: RegExp;
  level: Level;
  showFirst: boolean;
  count: number;
  timer?: NodeJS.Timeout;
}

/** Writes down each error met while answering. */
export const errors: Plugin = {
  name: 'errors',
  setup({ tokens, surroundings: { log }, repeatable, onStop }) {
    const patterns: Pattern[] = [];
    tokens.next();
    const [file] = tokens.args(0, 1);
    if (file !== undefined && file !== 'stdout') throw tokens.error(`invalid log file: ${file}`);
    while (tokens.nextBlock()) {
      if (tokens.value === 'stacktrace') tokens.args(0);
      else if (tokens.value === 'consolidate') patterns.push(parseConsolidate(tokens));
      else throw tokens.unknownProperty();
    }
    if (tokens.next()) throw tokens.error('plugin can only be used once per Server Block');
    repeatable();
    let ended = false;
    onStop(() => {
      ended = true;
      for (const pattern of patterns) report(pattern, log);
    });

    const note = (error: unknown, { lower, type }: Query): void => {
      const text = error instanceof Error ? error.message : String(error);
      const line = `plugin/errors: 2 ${lower} ${type}: ${text}`;
      const pattern = ended ? undefined : patterns.find(({ expression }) => expression.test(text));
      if (!pattern) {
        log.error(line);
        return;
      }
      pattern.count++;
      if (pattern.timer) return;
      if (pattern.showFirst) write(log, pattern.level, line);
      pattern.timer = setTimeout(() => report(pattern, log), pattern.period).unref();
    };
    return (next) => (query) => {
      const rethrow = (error: unknown): never => {
        note(error, query);
        throw error;
      };
      try {
        const reply = next(query);
        return reply instanceof Promise ? reply.catch(rethrow) : reply;
      } catch (error) {
        return rethrow(error);
      }
    };
  },
};

/** Debug lines are for a server that is told to debug; this one cannot be. */
function write(log: Log, level: Level, line: string): void {
  if (level !== 'debug') log[level](line);
}

function report(pattern: Pattern, log: Log): void {
  clearTimeout(pattern.timer);
  delete pattern.timer;
  const { count, source, period, level, showFirst } = pattern;
  pattern.count = 0;
  if (count > (showFirst ? 1 : 0))
    write(
      log,
      level,
      `plugin/errors: ${count} errors like '${source}' occurred in last ${formatDuration(period)}`,
    );
}

/** As Go writes it: `30s`, `1m0s`, `1h0m0s`. */
function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)];
  return `${hours > 0 ? `${hours}h` : ''}${seconds >= 60 ? `${minutes}m` : ''}${seconds % 60}s`;
}

/** `DURATION REGEXP [LEVEL] [show_first]`. */
function parseConsolidate(tokens: Dispenser): Pattern {
  const [duration = '', source = '', ...flags] = tokens.args(2, 4);
  const period = parseDuration(duration);
  if (period === undefined || duration === '0') throw tokens.error(`invalid duration "${duration}"`);
  const showFirst = flags.at(-1) === 'show_first';
  const [level = 'error', extra] = showFirst ? flags.slice(0, -1) : flags;
  if (!isLevel(level)) throw tokens.error(`unknown option in consolidate: ${level}`);
  if (extra !== undefined) throw tokens.error(`unknown option in consolidate: ${extra}`);
  try {
    return { period, source, expression: compileExpression(source), level, showFirst, count: 0 };
  } catch (error) {
    throw tokens.error((error as Error).message);
  }
}

function isLevel(text: string): text is Level {
  return text === 'info' || text === 'warning' || text === 'error' || text === 'debug';
}
