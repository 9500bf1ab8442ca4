import type { V1Pod } from '@kubernetes/client-node';
import { type KubeProxy, proxyCommand } from '../kube-proxy.ts';
import { chainOf, showChains } from '../listing.ts';
import { createFrom } from '../objects.ts';
import type { Stage } from '../scenario.ts';
import { answeredBy, namesOf } from './nodeport.ts';

const port = 30080;

/** Listens on the port, tells of every connection, and answers it. */
const otherProgram = `use IO::Socket::INET;
my $l = IO::Socket::INET->new(LocalPort => ${port}, Listen => 5)
    or die "port ${port}: $!\\n";
while (my $c = $l->accept) {
    warn "asked\\n";
    $c->getline;
    print $c "HTTP/1.0 200 OK\\r\\n\\r\\nanother program\\n";
    close $c;
}
`;
const runOther = 'perl /run/other.pl';
const otherLog = '/run/other.log';
const runOtherLater = `${runOther} >${otherLog} 2>&1 &`;

export interface PortParts {
  pods: readonly V1Pod[];
  /** The one on the node whose port is looked at. */
  proxy: KubeProxy;
  /** Starts it again. */
  start(): Promise<KubeProxy>;
}

/** What the article says of node ports, one sentence after the other. */
export async function holdPort(stage: Stage, { pods, proxy: first, start }: PortParts): Promise<void> {
  const { report, cluster } = stage;
  const { node } = first;
  const address = cluster.spec.nodes.find(({ name }) => name === node)?.address ?? '';
  const names = namesOf(pods);
  const shell = async (script: string) => (await cluster.node(node).exec(['sh', '-c', script])).stdout;
  const listening = () => stage.onNode(node, `ss -ltnp 'sport = :${port}'`);

  /** Ten connections from another machine, and one from the node itself to an address that is only its own. */
  async function traffic(when: string): Promise<void> {
    const ask = `for i in \`seq 10\`; do curl -s ${address}:${port}; done | sort | uniq -c`;
    const answers = await stage.onNode('outside', ask);
    const lines = answers.trim().split('\n');
    const sum = lines.reduce((total, line) => total + Number.parseInt(line, 10), 0);
    const hosts = lines.map(answeredBy);
    const local = await stage.onNode(node, `curl -s 127.0.0.1:${port}`);
    report.check(
      `${when}: pods answer all ten, and what the node itself asks`,
      sum === 10 && [...hosts, answeredBy(local)].every((host) => names.includes(host ?? '')),
      answers + local,
    );
  }

  report.step('A Service of type NodePort');
  await createFrom(stage, 'nodeport/nodeport.yaml');
  await stage.kubectl('get svc webapp1-nodeport-svc');
  // One does not open it before the rules are there, another before it writes them.
  await until(shell, `ss -ltnH 'sport = :${port}' | grep -q .`);
  await until(shell, `iptables-save -t nat | grep -q 'KUBE-NODEPORTS.* --dport ${port} .*-j KUBE-SVC-'`);
  const list = 'iptables -nvL -t nat';
  report.command(node, list);
  const chain = chainOf(await shell(list), 'KUBE-NODEPORTS');
  showChains(report, chain);
  report.check(
    'the rules are like those of a ClusterIP: the port is marked, and led to the same kind of chain',
    new RegExp(`KUBE-MARK-MASQ .*tcp dpt:${port}`).test(chain.join('\n')) &&
      new RegExp(`KUBE-SVC-\\w+ .*tcp dpt:${port}`).test(chain.join('\n')),
    chain.join(),
  );
  await traffic('The port leads to the pods');

  report.step('kube-proxy listens on the node port');
  const held = await listening();
  report.check(
    `the process is kube-proxy, ${first.pid}`,
    held.includes(`"kube-proxy",pid=${first.pid},`),
    held,
  );
  report.command(node, "cat >/run/other.pl <<'END'");
  report.output(`${otherProgram}END`);
  await cluster.node(node).exec(['sh', '-c', 'cat >/run/other.pl'], { input: otherProgram });
  report.command(node, runOther);
  const refused = await cluster.node(node).exec(['sh', '-c', runOther], { allowFailure: true });
  report.output(refused.stderr);
  report.check(
    'no other program can take the port by mistake',
    refused.stderr.includes('Address already in use') && refused.exitCode !== 0,
    refused.stderr,
  );
  report.note(
    'That is all it is for: no packet ever arrives there, since the rules turn them away before. Later releases gave it up.',
  );

  report.step('kube-proxy is killed');
  await first.kill();
  const free = await listening();
  report.check('nobody listens on the port', !free.includes(`:${port}`), free);
  await traffic('The rules stay, and so does what they do');

  report.step('Another program listens on the port');
  report.command(node, runOtherLater);
  const pid = Number(await shell(`${runOtherLater}\necho $!`));
  report.output(`[1] ${pid}`);
  await until(shell, `ss -ltnH 'sport = :${port}' | grep -q .`);
  const taken = await listening();
  report.check('the process is another one', taken.includes(`"perl",pid=${pid},`), taken);
  await traffic('It gets nothing of it');

  report.step('kube-proxy is started again while the port is taken');
  const second = await start();
  const logged = await second.logged(/can't open "nodePort/);
  report.command(node, `grep nodePort /run/kube-proxy-${node}.log`);
  report.output(
    logged
      .split('\n')
      .filter((each) => each.includes('nodePort'))
      .join('\n'),
  );
  report.check(
    'it says whose port it cannot open',
    new RegExp(`webapp1-nodeport-svc:?" \\(:${port}/tcp\\)`).test(logged),
    logged,
  );
  report.note('“Skipping” means that it does not hold the port. The rules are written all the same.');
  await traffic('No connection minds');
  const asked = await stage.onNode(node, `cat ${otherLog}`);
  report.check('the other program was never asked', asked === '', asked);

  report.step('The other program ends');
  report.command(node, `kill ${pid}`);
  await shell(`kill ${pid}`);
  await report.progress('waiting', until(shell, `ss -ltnpH 'sport = :${port}' | grep -q kube-proxy`));
  const again = await listening();
  report.check('kube-proxy holds the port again', again.includes(`"kube-proxy",pid=${second.pid},`), again);

  await withoutRules(stage, second, shell);
}

/** What the other program would have been asked, were there no rules. */
async function withoutRules(
  stage: Stage,
  proxy: KubeProxy,
  shell: (script: string) => Promise<string>,
): Promise<void> {
  const { report, cluster } = stage;
  const { node } = proxy;
  report.step('The proof: the same without rules');
  await proxy.kill();
  await stage.onNode(node, `${proxyCommand(stage)} --cleanup`);
  report.command(node, runOtherLater);
  await shell(runOtherLater);
  await until(shell, `ss -ltnH 'sport = :${port}' | grep -q .`);
  const address = cluster.spec.nodes.find(({ name }) => name === node)?.address ?? '';
  const answer = await stage.onNode('outside', `curl -s ${address}:${port}`);
  report.check('now the other program answers', answer === 'another program\n', answer);
}

/** Waits up to a minute until a shell line on the node succeeds: some look at the ports of others every 30 s. */
async function until(shell: (script: string) => Promise<string>, condition: string): Promise<void> {
  await shell(
    `i=0; until ${condition}; do i=$((i+1)); [ $i -lt 1200 ] || { echo "waited a minute for: ${condition.replaceAll('"', '')}" >&2; exit 1; }; sleep 0.05; done`,
  );
}
