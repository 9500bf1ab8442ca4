import { parseSaved, type Saved } from '../iptables/parse.ts';
import type { TableName } from '../iptables/rules.ts';

/**
 * What `iptables-restore --noflush` makes of a rule set, without a kernel. Throws where the real one
 * would refuse: a jump to a chain that is not there, a rule number out of range, a chain still in use.
 *
 * @param normal the form in which two rules that mean the same are the same
 */
export function applyBatch(saved: Saved, batch: string, normal = (rule: string) => rule): Saved {
  const tables = new Map<TableName, Map<string, string[]>>();
  for (const [name, chains] of saved)
    tables.set(name, new Map([...chains].map(([chain, rules]) => [chain, [...rules]])));
  let chains = new Map<string, string[]>();
  const rulesOf = (chain: string) => {
    const rules = chains.get(chain);
    if (!rules) throw new Error(`no chain ${chain}`);
    return rules;
  };
  for (const line of batch.split('\n').filter(Boolean)) {
    const [verb = '', chain = '', ...words] = line.split(' ');
    const number = Number(words[0]);
    if (verb.startsWith('*')) {
      chains = tables.get(verb.slice(1) as TableName) ?? new Map();
      tables.set(verb.slice(1) as TableName, chains);
    } else if (verb.startsWith(':')) chains.set(verb.slice(1), []);
    else if (verb === '-A') rulesOf(chain).push(words.join(' '));
    else if (verb === '-I') {
      if (!(number >= 1 && number <= rulesOf(chain).length + 1))
        throw new Error(`${line}: index of insertion too big`);
      rulesOf(chain).splice(number - 1, 0, words.slice(1).join(' '));
    } else if (verb === '-D' && Number.isNaN(number)) {
      const rule = normal(words.join(' '));
      const at = rulesOf(chain).findIndex((one) => normal(one) === rule);
      if (at < 0) throw new Error(`${line}: no such rule`);
      rulesOf(chain).splice(at, 1);
    } else if (verb === '-D') {
      if (!(number >= 1 && number <= rulesOf(chain).length))
        throw new Error(`${line}: index of deletion too big`);
      rulesOf(chain).splice(number - 1, 1);
    } else if (verb === '-X') {
      if (rulesOf(chain).length > 0) throw new Error(`${line}: directory not empty`);
      chains.delete(chain);
    } else if (verb === 'COMMIT') checkJumps(chains);
    else throw new Error(`unknown command: ${line}`);
  }
  return tables;
}

/** The chains that every table has from the start. */
export const emptyKernel: Saved = parseSaved(
  ['mangle', 'filter', 'nat']
    .map(
      (table) =>
        `*${table}\n${['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'].map((chain) => `:${chain} ACCEPT [0:0]`).join('\n')}`,
    )
    .join('\n'),
);

function checkJumps(chains: ReadonlyMap<string, readonly string[]>): void {
  for (const rules of chains.values())
    for (const rule of rules) {
      const [, target = ''] = /-j (KUBE-\S+)/.exec(rule) ?? [];
      if (target && !chains.has(target)) throw new Error(`${rule}: no chain ${target}`);
    }
}
