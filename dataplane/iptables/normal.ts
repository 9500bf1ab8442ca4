import { cidrOf, type Family, widthOf } from '../../api/address.ts';
import { type RuleOption, ruleOptions } from './parse.ts';

/**
 * A rule as `iptables-save` prints it once the kernel has it (iptables 1.8, both tool sets): addresses
 * with their mask, `-s -d -i -o -p` first, then the matches in their order, marks as `--set-xmark`,
 * probabilities as the kernel keeps them, and values that are the default but printed all the same.
 * Pure, and the same for every spelling of a rule; a rule that is in this form already stays as it is.
 */
export function normalRule(text: string, family: Family): string {
  const packet = new Map<string, string>();
  const parts: Part[] = [];
  let target: Part | undefined;
  for (const option of ruleOptions(text)) {
    const { name, value } = option;
    if (name in packetOptions) packet.set(name, packetOption(option));
    else if (name === '-m') parts.push({ name: value, options: [] });
    else if (name === '--jump' || name === '--goto')
      target = { name: value, options: [], verb: name === '--jump' ? '-j' : '-g' };
    else if (/^--[sd]port$/.test(name)) portMatch(parts, text).options.push(option);
    else (target ?? parts.at(-1) ?? lost(name, text)).options.push(option);
  }
  const words = Object.keys(packetOptions).flatMap((name) => packet.get(name) || []);
  for (const part of parts) words.push(`-m ${part.name}`, ...partOptions(part, family));
  if (target) words.push(`${target.verb} ${target.name}`, ...partOptions(target, family));
  return words.join(' ');
}

const known = new WeakMap<readonly string[], readonly string[]>();

/** All rules of a chain in that form. Remembered for as long as the list is. */
export function normalRules(rules: readonly string[], family: Family): readonly string[] {
  let normal = known.get(rules);
  if (!normal) {
    normal = rules.map((rule) => normalRule(rule, family));
    known.set(rules, normal);
  }
  return normal;
}

/** A match or a target with its own options. */
interface Part {
  readonly name: string;
  readonly options: RuleOption[];
  readonly verb?: '-j' | '-g';
}

/** What every packet has, in the order of printing. */
const packetOptions = {
  '--source': '-s',
  '--destination': '-d',
  '--in-interface': '-i',
  '--out-interface': '-o',
  '--protocol': '-p',
};

function packetOption({ name, negated, value }: RuleOption): string {
  const not = negated ? '! ' : '';
  const word = `${not}${packetOptions[name as keyof typeof packetOptions]}`;
  if (name !== '--source' && name !== '--destination') return `${word} ${value}`;
  const width = widthOf(value.includes(':') ? 'IPv6' : 'IPv4');
  const cidr = cidrOf(value.includes('/') ? value : `${value}/${width}`);
  // Everybody is nobody in particular.
  if (cidr?.bits === 0 && !negated) return '';
  return `${word} ${cidr?.text ?? value}`;
}

/** `-p tcp --dport 80` means `-m tcp` too. */
function portMatch(parts: Part[], text: string): Part {
  const last = parts.at(-1);
  if (last && /^(tcp|udp|sctp|multiport)$/.test(last.name)) return last;
  const protocol = ruleOptions(text).find(({ name }) => name === '--protocol')?.value ?? 'tcp';
  const part = { name: protocol, options: [] };
  parts.push(part);
  return part;
}

function lost(option: string, text: string): never {
  throw new Error(`${text}: ${option} belongs to no match and no target`);
}

/** Options are printed in the order of the extension's own `save` function; these have several. */
const optionOrder: { readonly [part: string]: readonly string[] } = {
  recent: [
    '--set',
    '--rcheck',
    '--update',
    '--remove',
    '--seconds',
    '--reap',
    '--name',
    '--mask',
    '--rsource',
  ],
};

const allOnes = { IPv4: '255.255.255.255', IPv6: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' };

/** What is printed although nobody has to write it. */
function defaultsOf(part: string, family: Family): [name: string, value: string][] {
  switch (part) {
    case 'recent':
      return [
        ['--mask', allOnes[family]],
        ['--rsource', ''],
      ];
    case 'REJECT':
      return [['--reject-with', family === 'IPv4' ? 'icmp-port-unreachable' : 'icmp6-port-unreachable']];
    default:
      return [];
  }
}

function partOptions({ name, options }: Part, family: Family): string[] {
  const all = [...options];
  for (const [option, value] of defaultsOf(name, family))
    if (!all.some((one) => one.name === option)) all.push({ name: option, value, negated: false });
  const order = optionOrder[name];
  if (order) all.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  return all.map((option) => `${option.negated ? '! ' : ''}${spelled(option)}`);
}

function spelled({ name, value }: RuleOption): string {
  switch (name) {
    case '--comment':
      return `${name} ${quoted(value)}`;
    case '--ctstate':
      return `${name} ${states.filter((state) => value.split(',').includes(state)).join(',')}`;
    case '--probability':
      return `${name} ${probability(Number(value))}`;
    case '--mark':
      return `${name} ${value.split('/').map(hex).join('/')}`;
    case '--set-xmark':
      return `${name} ${value.split('/').map(hex).join('/')}`;
    case '--or-mark':
      return `--set-xmark ${hex(value)}/${hex(value)}`;
    case '--xor-mark':
      return `--set-xmark ${hex(value)}/0x0`;
    default:
      return value ? `${name} ${value}` : name;
  }
}

/** In the order of printing. */
const states = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED', 'SNAT', 'DNAT'];

const hex = (number: string) => `0x${Number(number).toString(16)}`;

/** `xtables_save_string` of libxtables: quotes around all but the plainest words. */
function quoted(text: string): string {
  return /^[\w-]+$/.test(text) ? text : `"${text.replace(/["'\\]/g, '\\$&')}"`;
}

/**
 * The kernel keeps a probability as parts of 2^31; printed are eleven digits of it, ties to even as
 * printf(3) has it: 1/4096 is such a tie.
 */
function probability(wanted: number): string {
  const scaled = BigInt(Math.round(wanted * 2 ** 31)) * 5n ** 11n;
  const rest = scaled & 0xfffffn;
  const half = 0x80000n;
  let digits = scaled >> 20n;
  if (rest > half || (rest === half && digits & 1n)) digits++;
  const text = String(digits).padStart(12, '0');
  return `${text.slice(0, -11)}.${text.slice(-11)}`;
}
