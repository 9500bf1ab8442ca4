import { isDuration, type KubeProxyConfiguration } from '../configuration.ts';
import { type Flag, flags } from './table.ts';

/** A command line that cannot be understood; in pflag's words. */
export class FlagError extends Error {
  constructor(message: string) {
    super(`${message} (v9s kube-proxy --help lists the flags)`);
    this.name = 'FlagError';
  }
}

/** A command line of kube-proxy, read. */
export interface ParsedFlags {
  /** What the flags set of the configuration, and nothing else. */
  readonly configuration: KubeProxyConfiguration;
  /** Flags that are none of the configuration's, by name. Booleans are `true` or `false`. */
  readonly options: ReadonlyMap<string, string>;
  /** One line for each flag of older releases. */
  readonly warnings: readonly string[];
}

/**
 * Reads `--flag=value`, `--flag value`, `--bool`, `-v 4` and `-v=4`; underscores count as hyphens, and the last
 * of several wins. Throws {@link FlagError} on unknown flags, missing or unfit values, and other arguments.
 */
export function parseFlags(args: readonly string[]): ParsedFlags {
  const configuration: KubeProxyConfiguration = {};
  const options = new Map<string, string>();
  const warnings: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    const { flag, text } = find(arg);
    const value = text ?? (flag.type === 'bool' ? 'true' : args[++i]);
    if (value === undefined) throw new FlagError(`flag needs an argument: ${arg}`);
    const parsed = readValue(flag, value);
    if (flag.deprecated !== undefined)
      warnings.push(`Flag --${flag.name} has been deprecated, ${flag.deprecated}`);
    for (const field of flag.fields) assign(configuration, field.split('.'), parsed);
    if (flag.fields.length === 0) options.set(flag.name, String(parsed));
  }
  return { configuration, options, warnings };
}

/** One line a flag, as `--help` shows them; those of older releases are left out. */
export function flagHelp(): string {
  const rows = flags
    .filter(({ deprecated }) => deprecated === undefined)
    .map(({ name, short, type, help }): [string, string] => {
      const spelled = name.length === 1 ? `-${name}` : `${short ? `-${short}, ` : '    '}--${name}`;
      return [`${spelled}${type === 'bool' ? '' : ` ${type}`}`, help];
    });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, help]) => `  ${left.padEnd(width)}${help}\n`).join('');
}

function find(arg: string): { flag: Flag; text: string | undefined } {
  const [, dashes = '', written = '', text] = /^(--?)([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
  if (!dashes) throw new FlagError(`unexpected argument ${JSON.stringify(arg)}`);
  const name = written.replaceAll('_', '-');
  if (dashes === '--') {
    const flag = flags.find((one) => one.name === name);
    if (!flag) throw new FlagError(`unknown flag: --${name}`);
    return { flag, text };
  }
  const flag = flags.find(({ short }) => short === name[0]);
  if (!flag) throw new FlagError(`unknown shorthand flag: '${name[0]}' in ${arg}`);
  // -v4 is -v=4.
  return { flag, text: name.length > 1 ? name.slice(1) : text };
}

function readValue(flag: Flag, text: string): unknown {
  const refuse = (must: string): never => {
    throw new FlagError(
      `invalid argument ${JSON.stringify(text)} for "--${flag.name}" flag: must be ${must}`,
    );
  };
  switch (flag.type) {
    case 'bool':
      if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
      if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
      return flag.name === 'version' && text === 'raw' ? true : refuse('true or false');
    case 'int':
      return /^-?\d+$/.test(text) ? Number(text) : refuse('a whole number');
    case 'float':
      return text !== '' && Number.isFinite(Number(text)) ? Number(text) : refuse('a number');
    case 'duration':
      return isDuration(text) ? text : refuse('a duration, as in 30s or 1m30s');
    case 'list':
      return text.split(',').filter(Boolean);
    case 'map':
      return Object.fromEntries(
        text
          .split(',')
          .filter(Boolean)
          .map((pair) => {
            const [, key = '', value] = /^\s*([^=\s]+)=(true|false)\s*$/i.exec(pair) ?? [];
            return [key, value === undefined ? refuse('key=true or key=false') : /^t/i.test(value)];
          }),
      );
    case 'string':
      return text;
  }
}

function assign(
  target: Record<string, unknown>,
  [name = '', ...rest]: readonly string[],
  value: unknown,
): void {
  if (rest.length === 0) {
    target[name] = value;
    return;
  }
  const section = (target[name] ?? {}) as Record<string, unknown>;
  target[name] = section;
  assign(section, rest, value);
}
