import type { ServiceTest } from '../expose/steps.ts';
import { chainOf, differences, type ListedRule, numbersProtocols, rulesOf, showChains } from '../listing.ts';
import { addressOf, fileArgument, nameOf } from '../objects.ts';
import type { Stage } from '../scenario.ts';
import { testEqualShares } from '../statistics.ts';

const articleIp = '10.101.90.210';

/** The article's endpoints in the order of its rules. */
const endpoints = [
  { address: '10.36.0.0', chain: 'KUBE-SEP-YOQWVZZ4NQDNEBVN' },
  { address: '10.36.0.1', chain: 'KUBE-SEP-WHOFXZ2VQXEUUKVO' },
  { address: '10.40.0.0', chain: 'KUBE-SEP-3TBKTCTGJZ27RFOH' },
  { address: '10.40.0.1', chain: 'KUBE-SEP-6LDVTIHDBDOU3D3G' },
] as const;

const columns = ' pkts bytes target     prot opt in     out     source               destination';

const article = {
  services: `Chain KUBE-SERVICES (2 references)
${columns}
    0     0 KUBE-MARK-MASQ  tcp  --  *      *      !172.100.0.0/16       10.101.90.210        /* default/service-test: cluster IP */ tcp dpt:8088
    0     0 KUBE-SVC-LY73ZDGF4KGO4YFJ  tcp  --  *      *       0.0.0.0/0            10.101.90.210        /* default/service-test: cluster IP */ tcp dpt:8088`,
  service: `Chain KUBE-SVC-LY73ZDGF4KGO4YFJ (1 references)
${columns}
    0     0 KUBE-SEP-YOQWVZZ4NQDNEBVN  all  --  *      *       0.0.0.0/0            0.0.0.0/0            /* default/service-test: */ statistic mode random probability 0.25000000000
    0     0 KUBE-SEP-WHOFXZ2VQXEUUKVO  all  --  *      *       0.0.0.0/0            0.0.0.0/0            /* default/service-test: */ statistic mode random probability 0.33332999982
    0     0 KUBE-SEP-3TBKTCTGJZ27RFOH  all  --  *      *       0.0.0.0/0            0.0.0.0/0            /* default/service-test: */ statistic mode random probability 0.50000000000
    0     0 KUBE-SEP-6LDVTIHDBDOU3D3G  all  --  *      *       0.0.0.0/0            0.0.0.0/0            /* default/service-test: */`,
  endpoint: `Chain KUBE-SEP-WHOFXZ2VQXEUUKVO (1 references)
${columns}
    0     0 KUBE-MARK-MASQ  all  --  *      *       10.36.0.1            0.0.0.0/0            /* default/service-test: */
    0     0 DNAT       tcp  --  *      *       0.0.0.0/0            0.0.0.0/0            /* default/service-test: */ tcp to:10.36.0.1:8080`,
};

const list = 'iptables -L -v -n -t nat';

/** From the Service's address to the pods, chain by chain, and each compared with the article's. */
export async function followRules(stage: Stage, { clusterIp }: ServiceTest): Promise<void> {
  const { report, cluster } = stage;
  const node = cluster.spec.nodes.at(-1)?.name ?? '';
  report.step(`The rules behind the address, on ${node}: first, where the address is`);
  report.command(node, list);
  const listing = (await cluster.node(node).exec(['sh', '-c', list])).stdout;
  const names = { [clusterIp]: articleIp, ...endpointNames(listing, clusterIp) };
  const services = ofService(listing, clusterIp);
  showChains(report, services);
  check(stage, "KUBE-SERVICES has the article's two rules", differences(services, article.services, names));

  const target = targetOf(listing, clusterIp);
  report.step(`Then ${target}, to which it leads`);
  const service = chainOf(listing, target);
  showChains(report, service);
  check(
    stage,
    `its name and its four rules are the article's, 0.33332999982 included`,
    differences(service, article.service, names),
  );
  report.note(
    'A rule is taken with its probability, and what it lets pass comes to the next: 1/4 of all, 1/3 of the other 3/4, 1/2 of the other half, and the rest.',
  );

  report.step('And one of the four it chooses among');
  const endpoint = chainOf(listing, rulesOf(service)[1]?.target ?? '');
  showChains(report, endpoint);
  check(stage, "it is the article's, but for the address", differences(endpoint, article.endpoint, names));
  if (numbersProtocols(listing))
    report.note(
      'This iptables prints protocols by number: 6 is tcp, 0 is all. Everything but the protocols, addresses and what is hashed from them is as in the article.',
    );
  const counted = rulesOf([...services, ...service.slice(2)]);
  if (cluster.spec.nodes.length > 1)
    report.check(
      'no packet is counted here, as in the article: who asked was another node, and its own rules chose',
      counted.every(({ packets }) => packets === 0),
      counted.map(({ packets }) => packets).join(),
    );
}

function check({ report }: Stage, text: string, different: string): void {
  report.check(text, different === '', different);
}

/** The chain with the rules of this Service alone, as the article quotes it. */
function ofService(listing: string, clusterIp: string): string[] {
  const [heading = '', names = '', ...rules] = chainOf(listing, 'KUBE-SERVICES');
  return [heading, names, ...rules.filter((rule) => rule.includes(` ${clusterIp} `))];
}

/** The Service's own chain: its name is a hash that is not the same in all releases. */
const targetOf = (listing: string, clusterIp: string) =>
  rulesOf(ofService(listing, clusterIp)).at(-1)?.target ?? '';

/** What the article calls our endpoints and their chains, in the order of the rules. */
function endpointNames(listing: string, clusterIp: string): Record<string, string> {
  const names: Record<string, string> = {};
  const service = chainOf(listing, targetOf(listing, clusterIp));
  for (const [index, { target }] of rulesOf(service).entries()) {
    const { address = '', chain = '' } = endpoints[index] ?? {};
    names[target] = chain;
    names[destination(listing, target)] = address;
  }
  return names;
}

const destination = (listing: string, chain: string) =>
  /to:([\d.]+):/.exec(rulesOf(chainOf(listing, chain)).at(-1)?.rest ?? '')?.[1] ?? '';

const requests = 200;

/** How often the test may fail although the shares are equal: once in a million runs. */
const falseAlarmRate = 1e-6;

/** Counters move as connections are made, one for each; and no pod is left out. */
export async function fairShares(stage: Stage, { clusterIp, pods }: ServiceTest): Promise<void> {
  const { report, cluster } = stage;
  const node = 'control-plane';
  report.step(`${requests} connections more, and the counters of the node that makes them`);
  const place = cluster.node(node);
  const listed = async () => (await place.exec(['sh', '-c', list])).stdout;
  const rules = (text: string): ListedRule[] => rulesOf(chainOf(text, targetOf(text, clusterIp)));
  const before = await listed();
  const command = `curl -s 'http://${clusterIp}:8088/?[1-${requests}]' | sort | uniq -c`;
  const answers = await stage.onNode(node, command);
  report.command(node, list);
  const after = await listed();
  showChains(report, ofService(after, clusterIp), chainOf(after, targetOf(after, clusterIp)));

  const entry = (text: string) => rulesOf(ofService(text, clusterIp)).at(-1)?.packets ?? 0;
  report.check(
    `the rule of the address counted ${requests} connections: the first packet of each, and no other`,
    entry(after) - entry(before) === requests,
    `${entry(before)}, then ${entry(after)}`,
  );
  const counts = rules(after).map(({ packets }, index) => packets - (rules(before)[index]?.packets ?? 0));
  const byPod = rules(after).map(({ target }) => {
    const pod = pods.find((one) => addressOf(one) === destination(after, target));
    return Number(new RegExp(`(\\d+) <p>Hello from ${pod && nameOf(pod)}<`).exec(answers)?.[1] ?? 0);
  });
  report.check(
    `of these ${requests}, each endpoint's rule counted as many as its pod answered: ${byPod.join(', ')}`,
    byPod.join() === counts.join(),
    counts.join(', '),
  );
  const { probability } = testEqualShares(counts);
  report.check(
    `the shares are equal: chance alone explains them (p = ${probability.toFixed(3)}, alarm below ${falseAlarmRate})`,
    probability >= falseAlarmRate,
  );
  report.note(
    'The article asks why one pod gets nothing, since only three rules have a probability. It gets its share: the last rule has no condition, so everything comes to it that the three before let pass, 3/4 × 2/3 × 1/2 = 1/4 of all.',
  );
}

/** Chain names are hashes, so the article's own addresses must give the article's own names. */
export async function renderArticle(stage: Stage): Promise<void> {
  const { report } = stage;
  report.step("The article's own addresses give the names it prints");
  const file = fileArgument('clusterip/article.yaml');
  const command = `v9s render -f ${file} --node k8s-node1 --emulated-version 1.10`;
  const output = await rendered(stage, `${command} | grep -e '-A KUBE-SVC' -e DNAT`);
  const found = endpoints.map(({ address, chain }) => ({
    text: `${chain} leads to ${address}:8080`,
    holds: new RegExp(`-A ${chain} .*--to-destination ${address.replaceAll('.', '\\.')}:8080`).test(output),
  }));
  for (const { text, holds } of found) report.check(text, holds);
  const order = [...output.matchAll(/-j (KUBE-SEP-\w+)/g)].map(([, chain]) => chain);
  report.check(
    "and they stand in the article's order",
    order.join() === endpoints.map(({ chain }) => chain).join(),
    order.join(),
  );
  report.note(
    "Today's kube-proxy hashes “default/service-test”, without the colon of an unnamed port: KUBE-SVC-YN5D6RYVEVZOH44Q. Leave out --emulated-version to see it.",
  );
}

/** No cluster is needed for it; a node has the command `v9s` at hand. */
async function rendered({ cluster, report }: Stage, line: string): Promise<string> {
  report.command('', line);
  const { stdout } = await cluster.node('control-plane').exec(['env', '-C', process.cwd(), 'sh', '-c', line]);
  report.output(stdout);
  return stdout;
}
