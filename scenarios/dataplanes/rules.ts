import type { DataplaneMode } from '../../cluster/spec.ts';
import type { NftablesLayout, ProxyMode } from '../../dataplane/configuration.ts';
import type { Stage } from '../scenario.ts';
import type { Web } from './dataplanes.ts';

/** A mode, and for nftables its layout. */
export interface Setting {
  readonly mode: ProxyMode;
  readonly layout?: NftablesLayout;
  readonly name: string;
}

/** How a mode writes the Service down: the line that shows it on a node, and how it spells an endpoint. */
interface View {
  line(web: Web): string;
  endpoint(ip: string, port: string): string;
  /** What it has in the kernel for the Service, counted in what is shown. */
  objects(shown: string, web: Web): Record<string, number>;
  note: string;
}

const views: Record<string, View> = {
  iptables: {
    line: () => 'iptables-save -t nat | grep default/web',
    objects: (shown) => ({
      rules: count(shown, /^-A /gm),
      chains: new Set(shown.match(/(?<=^-A )KUBE-(?:SVC|SEP|EXT)-\w+/gm)).size,
    }),
    endpoint: (ip, port) => `--to-destination ${ip}:${port}`,
    note: 'A chain for the Service, in which the first endpoint is taken with 1/3, the second with 1/2 of the rest; and a chain for each endpoint.',
  },
  ipvs: {
    line: ({ clusterIp, nodePort }) => `ipvsadm -L -n | grep -A3 -e ' ${clusterIp}:80 ' -e ':${nodePort} '`,
    objects: (shown) => ({
      'virtual servers': count(shown, /^TCP /gm),
      'real servers': count(shown, / -> /g),
    }),
    endpoint: (ip, port) => `-> ${ip}:${port} `,
    note: 'A virtual server, and a real server for each endpoint: one after the other (rr).',
  },
  nftables: {
    line: () => "nft list table ip kube-proxy | sed -n '/default.web/,/}/p'",
    objects: (shown, { clusterIp, nodePort }) => ({
      chains: count(shown, /chain .*default\/web\//g),
      rules: count(shown, /^\t\t(?:ip |numgen|jump|goto|meta)/gm),
      'map elements': count(shown, new RegExp(`${clusterIp} \\. tcp \\. 80 :|tcp \\. ${nodePort} :`, 'g')),
    }),
    endpoint: (ip, port) => `dnat to ${ip}:${port}`,
    note: 'One look-up in a map leads to the chain of the Service, a second one to that of an endpoint.',
  },
  'nftables, layout flat': {
    line: ({ clusterIp, nodePort }) =>
      `nft list table ip kube-proxy | grep -e '${clusterIp} . ' -e '${nodePort} ' -e 'mod 3 map @tcp-.*endpoints'`,
    objects: (shown, { clusterIp, nodePort }) => ({
      chains: 0,
      rules: 0,
      'map elements': count(
        shown,
        new RegExp(`${clusterIp} \\. [^:\n]*:|\\b${nodePort} (?:\\. \\d+ )?:`, 'g'),
      ),
    }),
    endpoint: (ip, port) => `: ${ip} . ${port}`,
    note: 'No chain of its own: the map says that it has three endpoints, and one chain for all Services with three picks among their elements.',
  },
};

/** Shows how a node has the Service in this mode, and checks that all its endpoints are there. */
export async function rulesOf(stage: Stage, { name }: Setting, web: Web): Promise<string> {
  const { report, cluster } = stage;
  const view = views[name];
  if (!view) throw new Error(`there is no view of mode ${name}`);
  const node = cluster.spec.nodes.at(-1)?.name ?? '';
  const shown = await stage.onNode(node, view.line(web), 24);
  report.note(view.note);
  const missing = web.endpoints.filter((endpoint) => {
    const [ip = '', port = ''] = endpoint.split(':');
    return !shown.includes(view.endpoint(ip, port));
  });
  report.check(
    `it leads to the same three endpoints: ${web.endpoints.join(', ')}`,
    missing.length === 0,
    shown,
  );
  return shown;
}

/** How many of what a mode has in the kernel for the Service, of what {@link rulesOf} has shown. */
export const objectsOf = (name: string, shown: string, web: Web): Record<string, number> =>
  views[name]?.objects(shown, web) ?? {};

const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;

/** What tells that a mode has rules on a node. */
const traces: Partial<Record<DataplaneMode, string>> = {
  iptables: 'iptables-save | grep -c -e KUBE-SVC -e KUBE-SEP || true',
  nftables: 'nft list tables | grep -c kube-proxy || true',
};

/** Checks that nothing is left of the last mode; of IPVS the servers stay that connections go through. */
export async function leftOver(stage: Stage, mode: DataplaneMode): Promise<void> {
  const { report, cluster } = stage;
  const node = cluster.spec.nodes.at(-1)?.name ?? '';
  const line = traces[mode];
  if (line) {
    const left = await stage.onNode(node, line);
    report.check(`nothing is left of mode ${mode}`, left.trim() === '0', left);
    return;
  }
  const sets = await stage.onNode(node, 'iptables-save | grep -c KUBE-CLUSTER-IP || true');
  report.check("IPVS mode's rules are gone", sets.trim() === '0', sets);
  const servers = await stage.onNode(node, 'ipvsadm -L -n', 20);
  report.check(
    'virtual servers are left only where connections still go through them',
    servers
      .split(/^(?=TCP|UDP)/m)
      .slice(1)
      .every((server) => /Masq +\d+ +(?:[1-9]\d* +\d+|\d+ +[1-9]\d*)/.test(server)),
    servers,
  );
}
