import { chainOf, differences, numbersProtocols, rulesOf, showChains } from '../listing.ts';
import type { Stage } from '../scenario.ts';

const serviceChain = 'KUBE-SVC-MOFD5WH2RW6MNEJH';
const firstEndpoint = 'KUBE-SEP-XZSXSKAGWEX3WTAR';
const columns = ' pkts bytes target     prot opt in     out     source               destination         ';

/** The article's listing, chain by chain. */
const article = {
  PREROUTING: `Chain PREROUTING (policy ACCEPT 0 packets, 0 bytes)
${columns}
   10   918 KUBE-SERVICES  all  --  *      *       0.0.0.0/0            0.0.0.0/0            /* kubernetes service portals */`,
  'KUBE-SERVICES': `Chain KUBE-SERVICES (2 references)
${columns}
    0     0 KUBE-SVC-MOFD5WH2RW6MNEJH  tcp  --  *      *       0.0.0.0/0            10.96.49.63          /* default/webapp1-clusterip-svc: cluster IP */ tcp dpt:80`,
  [serviceChain]: `Chain KUBE-SVC-MOFD5WH2RW6MNEJH (1 references)
${columns}
    0     0 KUBE-SEP-XZSXSKAGWEX3WTAR  all  --  *      *       0.0.0.0/0            0.0.0.0/0            statistic mode random probability 0.50000000000
    0     0 KUBE-SEP-YMZLCE5DPP2AQ75P  all  --  *      *       0.0.0.0/0            0.0.0.0/0 `,
  [firstEndpoint]: `Chain KUBE-SEP-XZSXSKAGWEX3WTAR (1 references)
${columns}
    0     0 KUBE-MARK-MASQ  all  --  *      *       10.32.0.5            0.0.0.0/0           
    0     0 DNAT       tcp  --  *      *       0.0.0.0/0            0.0.0.0/0            tcp to:10.32.0.5:80`,
};

/** The article's four chains. On one node they are the same to the letter, hashes and pods' addresses included. */
export async function compareRules(stage: Stage, clusterIp: string): Promise<void> {
  const { report, cluster } = stage;
  const [node] = cluster.spec.nodes;
  report.step('The rules: from PREROUTING to the address of a pod');
  const command = 'iptables -nvL -t nat';
  report.command(node?.name ?? '', command);
  const { stdout } = await cluster.node(node?.name ?? '').exec(['sh', '-c', command]);
  const own = targetOf(stdout, clusterIp);
  const names = { [clusterIp]: '10.96.49.63', ...endpointNames(stdout, own) };
  const named = (chain: string) =>
    chain === serviceChain ? own : Object.keys(names).find((one) => names[one] === chain);
  const chains = Object.entries(article).map(([chain, text]) => ({
    chain,
    text,
    lines: quoted(chainOf(stdout, named(chain) ?? chain), clusterIp),
  }));
  showChains(report, ...chains.map(({ lines }) => lines));
  for (const { chain, text, lines } of chains) {
    const different = differences(lines, text, names);
    report.check(`${chain} is as in the article`, different === '', different);
  }
  if (numbersProtocols(stdout)) report.note('This iptables prints protocols by number: 6 is tcp, 0 is all.');
  report.note(
    "Rules to endpoints carry no comment in the article's listing, as from kube-proxy 1.11 to 1.15; and the rule at the address has no KUBE-MARK-MASQ beside it: that kube-proxy was told no --cluster-cidr.",
  );
}

/** The Service's own chain: its name is a hash that is not the same in all releases. */
const targetOf = (listing: string, clusterIp: string) =>
  rulesOf(quoted(chainOf(listing, 'KUBE-SERVICES'), clusterIp)).at(-1)?.target ?? '';

/** Of what all Services share the article quotes kube-proxy's rules for this one. */
function quoted(lines: string[], clusterIp: string): string[] {
  const [heading = '', names = '', ...rules] = lines;
  const own = rules.filter((rule) => rule.includes(` ${clusterIp} `) || rule.includes('service portals'));
  const shared = /^Chain (PREROUTING|KUBE-SERVICES) /.test(heading);
  return shared ? [heading, names, ...own] : lines;
}

/** What the article calls endpoints that have other addresses, as with more nodes. */
function endpointNames(listing: string, service: string): Record<string, string> {
  const [first, second] = rulesOf(chainOf(listing, service)).map(({ target }) => target);
  const to = (chain = '') =>
    /to:([\d.]+):/.exec(rulesOf(chainOf(listing, chain)).at(-1)?.rest ?? '')?.[1] ?? '';
  return {
    [first ?? '']: firstEndpoint,
    [second ?? '']: 'KUBE-SEP-YMZLCE5DPP2AQ75P',
    [to(first)]: '10.32.0.5',
    [to(second)]: '10.32.0.6',
  };
}
