import { cidrOf } from '../../api/address.ts';
import { type Servers, serversText, type VirtualServer } from '../ipvs/servers.ts';
import type { Sets } from '../ipvs/sets.ts';

/** The part of a model kernel that `ipvsadm`, `ipset` and `ip` speak to. */
export interface ModelIpvs {
  /** Undefined for what is no command of theirs; throws what they would refuse. */
  answer(call: string, input: string): string | undefined;
}

export function createModelIpvs(): ModelIpvs {
  let servers: Servers = new Map();
  let sets: Sets = new Map();
  /** Of kube-ipvs0; undefined without it. */
  let addresses: Set<string> | undefined;

  function devices(): string {
    if (!addresses) return '';
    const info = [...addresses].map((local) => ({ family: local.includes(':') ? 'inet6' : 'inet', local }));
    return JSON.stringify([{ ifname: 'kube-ipvs0', addr_info: info }]);
  }

  function changeDevice(line: string): void {
    if (line === 'link add kube-ipvs0 type dummy' && !addresses) addresses = new Set();
    else if (line === 'link del kube-ipvs0' && addresses) addresses = undefined;
    else {
      const [, verb, text = ''] = /^address (add|del) (\S+) dev kube-ipvs0$/.exec(line) ?? [];
      const [ip = ''] = text.split('/');
      if (!verb || !addresses || !cidrOf(text) || addresses.has(ip) === (verb === 'add'))
        throw new Error(`Cannot assign requested address: ${line}`);
      if (verb === 'add') addresses.add(ip);
      else addresses.delete(ip);
    }
  }

  return {
    answer(call, input) {
      if (call === 'ipvsadm --restore') servers = applyServers(servers, input);
      else if (call === 'ipset restore -exist') sets = applySets(sets, input);
      else if (call === 'ip -batch -')
        for (const line of input.split('\n').filter(Boolean)) changeDevice(line);
      else if (call.startsWith('ipvsadm --list --numeric')) return connections(servers);
      else if (call.startsWith('sh -c') && call.includes('ipvsadm --save'))
        return [serversText(servers), savedSets(sets), devices()].join('--\n');
      else return undefined;
      return '';
    },
  };
}

/** As `ipvsadm -Ln` has them: nobody is connected to anything. */
function connections(servers: Servers): string {
  const protocolOf: Record<string, string> = { '-t': 'TCP', '-u': 'UDP', '--sctp-service': 'SCTP' };
  const lines = [...servers].flatMap(([key, { options, reals }]) => {
    const [option = '', address = ''] = key.split(' ');
    const head = `${protocolOf[option]}  ${address} ${options.split(' ')[1]}`;
    return [head, ...[...reals].map(([real, weight]) => `  -> ${real} Masq ${weight} 0 0`)];
  });
  return `${lines.join('\n')}\n`;
}

function savedSets(sets: Sets): string {
  return [...sets]
    .flatMap(([name, entries]) => [
      `create ${name}`,
      ...[...entries.keys()].map((entry) => `add ${name} ${entry}`),
    ])
    .map((line) => `${line}\n`)
    .join('');
}

/** What `ipset restore -exist` makes of a batch; more strict than it, since we know what is there. */
export function applySets(before: Sets, batch: string): Sets {
  const sets = new Map([...before].map(([name, entries]) => [name, new Set(entries.keys())]));
  for (const line of batch.split('\n').filter(Boolean)) {
    const [verb, name = '', entry = ''] = line.split(' ');
    const set = sets.get(name);
    if (verb === 'create' && !set) sets.set(name, new Set());
    else if (verb === 'destroy' && set) sets.delete(name);
    else if (!set || set.has(entry) === (verb === 'add')) throw new Error(`refused: ${line}`);
    else if (verb === 'add') set.add(entry);
    else set.delete(entry);
  }
  return sets;
}

/** What `ipvsadm --restore` makes of a batch; throws where the kernel would refuse. */
export function applyServers(before: Servers, batch: string): Servers {
  const servers = new Map<string, VirtualServer & { options: string; reals: Map<string, number> }>(
    [...before].map(([key, { options, reals }]) => [key, { options, reals: new Map(reals) }]),
  );
  for (const line of batch.split('\n').filter(Boolean)) {
    const [verb = '', protocol = '', address = '', ...words] = line.split(' ');
    const key = `${protocol} ${address}`;
    const server = servers.get(key);
    if ((verb === '-A') === (server !== undefined)) throw new Error(`refused: ${line}`);
    if (verb === '-A') servers.set(key, { options: words.join(' '), reals: new Map() });
    if (verb === '-D') servers.delete(key);
    if (verb === '-E' && server) server.options = words.join(' ');
    if (!/^-[ade]$/.test(verb) || !server) continue;
    const real = words[1] ?? '';
    if ((verb === '-a') === server.reals.has(real)) throw new Error(`refused: ${line}`);
    if (verb === '-d') server.reals.delete(real);
    else server.reals.set(real, Number(words.at(-1)));
  }
  return servers;
}
