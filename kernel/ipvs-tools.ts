import { ipBatch } from './ip.ts';
import { IpsetError, ipsetRestore } from './ipset.ts';
import { IpvsError, ipvsConnections, ipvsRestore, parseConnections } from './ipvs.ts';
import { createLineTool } from './line-tool.ts';
import { CommandError, type Kernel } from './run.ts';
import { SessionEnd } from './session.ts';

/** The tools of IPVS mode. Each stays for as long as small batches follow one another: starting it takes longest. */
export interface IpvsTools {
  /** As `ipsetRestore`. */
  sets(input: string): Promise<void>;
  /** As `ipvsRestore`. */
  servers(input: string): Promise<void>;
  /** As `ipBatch`; one that begins with a device made or removed is for that device. */
  addresses(commands: readonly string[]): Promise<void>;
  /** As `ipvsConnections`. */
  connections(servers: readonly string[]): Promise<Map<string, number>>;
}

/** Above so many virtual servers, listing all is cheaper than asking for each. */
const manyServers = 50;

/** Of each kind the first batch after a quiet while has a process of its own. */
export function createIpvsTools(kernel: Kernel): IpvsTools {
  const ipset = createLineTool(kernel, {
    command: 'ipset -exist -',
    question: 'version',
    answer: /ipset v\S+, protocol version: \d+\n/,
    prompt: 'ipset> ',
  });
  const ipvsadm = createLineTool(kernel, {
    command: 'ipvsadm --restore',
    question: '--list --timeout',
    answer: /Timeout \(tcp tcpfin udp\): .*\n/,
  });
  const ip = createLineTool(kernel, {
    command: 'ip -force -batch -',
    question: 'link show dev lo',
    answer: /\d+: lo: .*\n *link\/.*\n/,
  });

  return {
    async sets(input) {
      const said = await ipset.tell(input);
      if (!said) await ipsetRestore(kernel, input);
      else if (said.length > 0)
        throw new IpsetError(refusal({ file: 'ipset', args: ['-'], input }, said), input);
    },
    async servers(input) {
      const said = await ipvsadm.tell(input);
      if (!said) await ipvsRestore(kernel, input);
      else if (said.length > 0) throw new IpvsError(said, input);
    },
    async addresses(commands) {
      if (commands.length === 0) return;
      if (commands[0]?.startsWith('link ')) {
        // ip remembers devices by their numbers.
        ip.forget();
        await makeDevice(kernel, commands[0]);
        await ipBatch(kernel, commands.slice(1));
        return;
      }
      const input = `${commands.join('\n')}\n`;
      const said = await ip.tell(input);
      if (!said) await ipBatch(kernel, commands);
      else if (said.length > 0) throw refusal({ file: 'ip', args: ['-force', '-batch', '-'], input }, said);
    },
    async connections(servers) {
      if (servers.length > manyServers) return ipvsConnections(kernel, servers);
      try {
        const asked = servers.map((server) => `--list --numeric ${server}\n`).join('');
        const said = await ipvsadm.ask(asked);
        if (said) return parseConnections(said.join('\n'));
      } catch (error) {
        // It ends when it is asked for a server that somebody else deleted.
        if (!(error instanceof SessionEnd)) throw error;
      }
      return ipvsConnections(kernel, servers);
    },
  };
}

/** The other family's rules share the device, and may have made it a moment ago. */
async function makeDevice(kernel: Kernel, command: string): Promise<void> {
  try {
    await ipBatch(kernel, [command]);
  } catch (error) {
    if (!(error instanceof CommandError && error.stderr.includes('File exists'))) throw error;
  }
}

function refusal(command: { file: string; args: string[]; input: string }, said: readonly string[]) {
  return new CommandError(command, 1, said.join('\n'), 'failed');
}
