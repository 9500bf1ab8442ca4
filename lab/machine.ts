import { utsPath } from './setup.ts';

export interface MachineOptions {
  /** The machine's `/etc/resolv.conf` with symbolic links followed; undefined when there is none. */
  resolvConf?: string | undefined;
  /** Those that answer pods, too: not a stub on 127.0.0.53. */
  nameservers: readonly string[];
}

/**
 * The script that makes a lab whose one node is the machine, as `setupScript` makes others: `/run` is the lab's own but
 * for the lock of iptables, which all on the machine must heed, and the node's namespaces are those it runs in. Prints
 * only what goes wrong, then `ok`.
 */
export function machineScript(node: string, { resolvConf, nameservers }: MachineOptions): string {
  const uts = utsPath(node);
  const hidden = resolvConf?.startsWith('/run/') ? resolvConf : undefined;
  return `set -e
: >> /run/xtables.lock
exec 9<>/run/xtables.lock
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock /run/v9s/uts${hidden ? ` ${quote(hidden.slice(0, hidden.lastIndexOf('/')))}` : ''}
: > /run/xtables.lock
mount --bind /proc/self/fd/9 /run/xtables.lock
exec 9>&-
cat > /run/v9s/resolv.conf <<'END'
${nameservers.map((address) => `nameserver ${address}`).join('\n')}
END
${hidden ? `cp /run/v9s/resolv.conf ${quote(hidden)}` : ''}
: > /run/netns/${node}
mount --bind /proc/self/ns/net /run/netns/${node}
: > ${uts}
mount --bind /proc/self/ns/uts ${uts}
echo ok
`;
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
