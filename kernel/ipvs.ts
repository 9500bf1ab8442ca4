import { CommandError, type Kernel } from './run.ts';

/** `ipvsadm --restore` refused lines; those before and after them have been carried out. */
export class IpvsError extends Error {
  /** What `ipvsadm` said, a line for each refused one: it does not tell which. */
  readonly said: readonly string[];

  constructor(said: readonly string[], input: string) {
    const lines = input.trim().split('\n');
    const given = lines.length > 3 ? `one of ${lines.length} lines` : lines.join('; ');
    super(`ipvsadm --restore: ${said.join('; ')} (given: ${given})`);
    this.name = 'IpvsError';
    this.said = said;
  }
}

/** What a machine has around IPVS, each as the tool prints it. */
export interface IpvsPrinted {
  /** `ipvsadm-save -n`: virtual servers of both address families. */
  readonly servers: string;
  /** `ipset save`. */
  readonly sets: string;
  /** `ip -json address`: the dummy devices. */
  readonly devices: string;
}

/** Reads all in one command. Rejects with what the first tool that failed said. */
export async function readIpvs(kernel: Kernel): Promise<IpvsPrinted> {
  const { stdout } = await kernel.run('sh', ['-c', `set -e; ${readers.join(`; echo '${boundary}'; `)}`]);
  return printed(stdout);
}

/** The same, where a tool or what it needs of the kernel may be missing: then there is nothing of that kind. */
export async function readIpvsIfAny(kernel: Kernel): Promise<IpvsPrinted> {
  const quiet = readers.map((reader) => `${reader} 2>/dev/null || :`);
  const { stdout } = await kernel.run('sh', ['-c', quiet.join(`; echo '${boundary}'; `)]);
  return printed(stdout);
}

const readers = ['ipvsadm --save --numeric', 'ipset save', 'ip -json address show type dummy'];
const boundary = '--';

function printed(stdout: string): IpvsPrinted {
  const [servers = '', sets = '', devices = ''] = stdout.split(`${boundary}\n`);
  return { servers, sets, devices };
}

/**
 * Carries out lines as `ipvsadm-save -n` prints them, where `-E`, `-e`, `-D` and `-d` may stand too. `ipvsadm` goes on
 * after a refused line and ends well all the same; this rejects then, with {@link IpvsError}.
 */
export async function ipvsRestore(kernel: Kernel, input: string): Promise<void> {
  const { stderr } = await kernel.run('ipvsadm', ['--restore'], { input, wholeLines: true });
  const said = stderr.split('\n').filter((line) => line.trim() !== '');
  if (said.length > 0) throw new IpvsError(said, input);
}

/** Above so many virtual servers, listing all is cheaper than asking for each. */
const fewServers = 3;

/**
 * Connections, active or not, of each real server of these virtual servers, by `SERVER REAL`: a server
 * is `-t 10.96.0.10:80`. Others may be in the answer too.
 */
export async function ipvsConnections(
  kernel: Kernel,
  servers: readonly string[],
): Promise<Map<string, number>> {
  const calls = servers.length > fewServers ? [[]] : servers.map((server) => server.split(' '));
  const counts = new Map<string, number>();
  for (const call of calls) {
    const { stdout } = await kernel.run('ipvsadm', ['--list', '--numeric', ...call]).catch((error) => {
      // A server that somebody else deleted has no connections either.
      if (error instanceof CommandError && /Service not defined|No such service/i.test(error.stderr))
        return { stdout: '' };
      throw error;
    });
    for (const [key, count] of parseConnections(stdout)) counts.set(key, count);
  }
  return counts;
}

const optionOf: Record<string, string> = { TCP: '-t', UDP: '-u', SCTP: '--sctp-service' };

/** Reads the table of `ipvsadm -Ln`: a line for each virtual server, then its real servers behind `->`. */
export function parseConnections(table: string): Map<string, number> {
  const counts = new Map<string, number>();
  let server = '';
  for (const line of table.split('\n')) {
    const words = line.trim().split(/\s+/);
    const option = optionOf[words[0] ?? ''];
    if (option) server = `${option} ${words[1]}`;
    else if (server && words[0] === '->')
      counts.set(`${server} ${words[1]}`, Number(words[4]) + Number(words[5]));
  }
  return counts;
}

/** Time-outs of IPVS connections in seconds; 0 leaves one as it is. */
export async function setIpvsTimeouts(
  kernel: Kernel,
  { tcp, tcpFin, udp }: { tcp: number; tcpFin: number; udp: number },
): Promise<void> {
  if (tcp + tcpFin + udp > 0)
    await kernel.run('ipvsadm', ['--set', String(tcp), String(tcpFin), String(udp)]);
}
