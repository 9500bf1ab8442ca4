import type { Stage } from '../scenario.ts';

const serviceChain = 'KUBE-SVC-ODX2UBAZM7RQWOIU';

/** Article 000's chains by endpoint; the hash covers the Service port's name, the protocol and the endpoint. */
const endpointChains: Record<string, string> = {
  '10.244.1.5:9376': 'KUBE-SEP-LZSOAAIF344LOQYR',
  '10.244.1.6:9376': 'KUBE-SEP-TKZFUYKNSRMALYNM',
  '10.244.1.7:9376': 'KUBE-SEP-7MW3KEEC4RCNSIJ2',
};

const node = 'control-plane';

/** From the Service's address to the pods, chain by chain, with article 000's own commands. */
export async function showRules(stage: Stage, clusterIp: string): Promise<void> {
  const { report } = stage;
  report.step('The rules behind the address (article 000)');
  const named = await stage.onNode(node, 'iptables-save | grep "default/hostnames:default cluster IP"');
  const entries = named.split('\n').filter((line) => line.startsWith('-A KUBE-SERVICES'));
  // Up to 1.21 what comes from elsewhere is marked here, too.
  const entry = entries.find((line) => !line.includes('KUBE-MARK-MASQ')) ?? '';
  report.check(
    `KUBE-SERVICES sends ${clusterIp}:80 to ${serviceChain}, the article's chain`,
    entry.includes(`-d ${clusterIp}/32`) &&
      entry.includes('--dport 80') &&
      entry.endsWith(`-j ${serviceChain}`),
    named,
  );

  const chain = await stage.onNode(node, `iptables-save -t nat | grep -e '-A ${serviceChain}'`);
  const probabilities = [...chain.matchAll(/--probability ([\d.]+)/g)].map(([, text]) => Number(text));
  report.check(
    'three rules: the first is taken with 1/3, the second with 1/2 of the rest, the last always',
    probabilities.length === 2 && near(probabilities[0], 1 / 3) && near(probabilities[1], 1 / 2),
    chain,
  );

  const [last = ''] = chain.match(/KUBE-SEP-\w+$/m) ? chain.trim().split('\n').slice(-1) : [];
  const endpoint = /KUBE-SEP-\w+/.exec(last)?.[0] ?? 'KUBE-SEP-';
  const rules = await stage.onNode(node, `iptables-save -t nat | grep -e '-A ${endpoint}'`);
  report.check(
    'its last endpoint: a pod that reaches itself is masqueraded, everybody is sent to the pod by DNAT',
    /-s [\d.]+\/32 .*-j KUBE-MARK-MASQ/.test(rules) && /-j DNAT --to-destination [\d.]+:9376/.test(rules),
    rules,
  );
}

const near = (value: number | undefined, expected: number) => Math.abs((value ?? 0) - expected) < 1e-4;

/** What the reader of the article will find different, and why; and what must be the same to the letter. */
export async function compareRules(stage: Stage, clusterIp: string): Promise<void> {
  const { report, cluster } = stage;
  const { stdout } = await cluster.node(node).exec(['iptables-save', '-t', 'nat']);
  const present = Object.entries(endpointChains).filter(([endpoint]) =>
    stdout.includes(`--to-destination ${endpoint}`),
  );
  for (const [endpoint, chain] of present) {
    const rule = new RegExp(`-A ${chain} .*--to-destination ${endpoint.replaceAll('.', '\\.')}`);
    report.check(`${endpoint} is ${chain}, as in the article`, rule.test(stdout));
  }
  const marked = [serviceChain, 'KUBE-SERVICES'].map(
    (chain) => `-A ${chain} ! -s 10.244.0.0/16 -d ${clusterIp}/32`,
  );
  report.check(
    'traffic from outside the pods is marked for masquerading',
    stdout
      .split('\n')
      .some((line) => marked.some((rule) => line.startsWith(rule)) && line.endsWith('KUBE-MARK-MASQ')),
  );
  report.note(
    'Since the article (kube-proxy 1.12): the KUBE-MARK-MASQ rule of a ClusterIP moved from KUBE-SERVICES into the KUBE-SVC chain; probabilities have ten digits, so the kernel shows 0.33333333349 for its 0.33332999982; comments name the endpoint (default/hostnames:default -> 10.244.1.5:9376).',
  );
  report.note(
    "Article 001 shows KUBE-SVC-NWV5X2332I4OT4T3 for the same YAML. That is the hash of an unnamed port (“default/hostnames:”); the port of its YAML is named “default”, and its chain is article 000's.",
  );
}
