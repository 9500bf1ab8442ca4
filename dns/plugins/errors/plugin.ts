import { parseDuration } from '../../../api/duration.ts';
import type { Dispenser } from '../../corefile/dispenser.ts';
import type { Log, Plugin } from '../../plugin.ts';
import type { Query } from '../../wire/message.ts';

interface Pattern {
  period: number;
  expression: RegExp;
  level: 'info' | 'warning' | 'error';
  showFirst: boolean;
  count: number;
  timer?: NodeJS.Timeout;
}

/** Writes down each error met while answering. */
export const errors: Plugin = {
  name: 'errors',
  setup({ tokens, surroundings: { log }, onStop }) {
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
    onStop(() => {
      for (const pattern of patterns) report(pattern, log);
    });

    const note = (error: unknown, query: Query): void => {
      const text = error instanceof Error ? error.message : String(error);
      const pattern = patterns.find(({ expression }) => expression.test(text));
      if (!pattern) {
        log.error(`plugin/errors: 2 ${query.name} ${query.type}: ${text}`);
        return;
      }
      pattern.count++;
      if (pattern.timer) return;
      if (pattern.showFirst) log[pattern.level](`plugin/errors: 2 ${query.name} ${query.type}: ${text}`);
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

function report(pattern: Pattern, log: Log): void {
  clearTimeout(pattern.timer);
  delete pattern.timer;
  const { count, expression, period, level, showFirst } = pattern;
  pattern.count = 0;
  if (count > (showFirst ? 1 : 0))
    log[level](
      `plugin/errors: ${count} errors like '${expression.source}' occurred in last ${period / 1000}s`,
    );
}

function parseConsolidate(tokens: Dispenser): Pattern {
  const [duration = '', source = '', ...flags] = tokens.args(2, 4);
  const period = parseDuration(duration);
  if (period === undefined) throw tokens.error(`invalid duration "${duration}"`);
  const level = flags.find((flag) => flag !== 'show_first') ?? 'error';
  if (level !== 'info' && level !== 'warning' && level !== 'error')
    throw tokens.error(`unknown option in consolidate: ${level}`);
  try {
    return {
      period,
      expression: new RegExp(source),
      level,
      showFirst: flags.includes('show_first'),
      count: 0,
    };
  } catch (error) {
    throw tokens.error((error as Error).message);
  }
}
