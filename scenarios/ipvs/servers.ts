import type { Pod } from '../../api/types.ts';
import type { Stage } from '../scenario.ts';
import { article, nodeOf, type Pods } from './ipvs.ts';

/** Virtual servers as `ipvsadm -L -n` lists them: `TCP 10.0.0.228:80 rr` → its real servers' lines. */
type Listed = Map<string, string[]>;

/** Reads the table of `ipvsadm -L -n`, blanks made single. */
export function parseListing(table: string): Listed {
  const servers: Listed = new Map();
  let real: string[] = [];
  for (const line of table.split('\n').slice(3)) {
    const words = line.trim().split(/\s+/);
    if (words[0] === '->') real.push(words.slice(1, 4).join(' '));
    else if (words.length > 1) {
      real = [];
      servers.set(words.join(' '), real);
    }
  }
  return servers;
}

/** `ipvsadm -L -n` against what the article shows, with this node's addresses. */
export async function virtualServers(stage: Stage, pods: Pods): Promise<void> {
  const { report, cluster } = stage;
  const node = nodeOf(stage);
  report.step('ipvsadm -L -n');
  const addresses = await stage.onNode(node, 'ip -4 -brief address');
  const table = await stage.onNode(node, 'ipvsadm -L -n', 60);
  const listed = parseListing(table);
  report.check(
    'the head of the table is the one in the article',
    table.startsWith(heading) && /^IP Virtual Server version 1\.2\.1 \(size=\d+\)$/m.test(table),
    table.slice(0, 200),
  );

  const { nginx, dashboard, kubernetes, dns } = article;
  const real = {
    nginx: realServers(pods.nginx, 80),
    dashboard: realServers(pods.dashboard, 8443),
    kubernetes: [`${cluster.spec.nodes[0]?.address}:6443 Masq 1`],
  };
  const expected: [string, { ip: string; port: number; nodePort?: number }, string[]][] = [
    ['nginx-service', nginx, real.nginx],
    ['the dashboard', dashboard, real.dashboard],
    ['kubernetes', kubernetes, real.kubernetes],
  ];
  for (const [name, { ip, port }, servers] of expected)
    report.check(
      `${name}: ${ip}:${port}, rr, to ${servers.map((one) => one.split(' ')[0]).join(', ')}, each Masq with weight 1`,
      sameServers(listed, `${ip}:${port}`, servers),
      table,
    );

  const local = localAddresses(addresses);
  report.check(
    'the node has the bridge of its pods, flannel.1, its own address and 127.0.0.1',
    ['cni0', 'flannel.1', 'eth0', 'lo'].every((device) => local.has(device)),
    addresses,
  );
  for (const [device, ip] of local)
    report.check(
      `${ip} (${device}) has both node ports, ${nginx.nodePort} and ${dashboard.nodePort}`,
      sameServers(listed, `${ip}:${nginx.nodePort}`, real.nginx) &&
        sameServers(listed, `${ip}:${dashboard.nodePort}`, real.dashboard),
      table,
    );
  const others = [...listed.keys()].filter((server) => !server.includes(` ${dns}:`));
  report.check(
    `those are all, ${others.length} as in the article, but for cluster DNS (${dns}), which came later there`,
    others.length === 3 + 2 * local.size && others.length === 11,
    others.join(', '),
  );
  report.note('Today kube-proxy leaves 127.0.0.1 out: what comes from there cannot be sent on to a pod.');
}

const heading = 'IP Virtual Server version';

const realServers = (pods: readonly Pod[], port: number) =>
  pods.map(({ status }) => `${status?.podIP}:${port} Masq 1`).sort();

function sameServers(listed: Listed, server: string, real: readonly string[]): boolean {
  return listed.get(`TCP ${server} rr`)?.sort().join() === real.join();
}

/** Device → its first address, of `ip -4 -brief address`; what Services have is on kube-ipvs0. */
function localAddresses(text: string): Map<string, string> {
  return new Map(
    text
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([device, , address]) => device && device !== 'kube-ipvs0' && address)
      .map(([device = '', , address = '']) => [device.replace(/@.*/, ''), address.replace(/\/.*/, '')]),
  );
}

/** `ip a|grep 228`. */
export async function serviceAddress(stage: Stage): Promise<void> {
  const { report } = stage;
  const { ip } = article.nginx;
  report.step('Where the address of the Service is');
  const found = await stage.onNode(nodeOf(stage), 'ip a|grep 228');
  report.check(
    `the article's own line: inet ${ip}/32 brd ${ip} scope global kube-ipvs0`,
    found.trim() === `inet ${ip}/32 brd ${ip} scope global kube-ipvs0`,
    found,
  );
  const device = await stage.onNode(nodeOf(stage), 'ip -brief link show kube-ipvs0');
  report.check('the device is down, and takes packets in all the same', / DOWN /.test(device), device);
}
