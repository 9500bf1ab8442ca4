import type { Pod } from '../../api/types.ts';
import type { Stage } from '../scenario.ts';
import { countRepeats } from '../statistics.ts';
import { article, nodeOf, type Pods } from './ipvs.ts';

/** Connections to the Service: a multiple of three, so that round robin comes out even. */
export const requests = 30;

/** Title of nginx' first page. */
const welcome = 'Welcome to nginx!';

/** By the Service's address and by each address of the node, from within and without. */
export async function reach(stage: Stage, { nginx }: Pods): Promise<void> {
  const { report, cluster } = stage;
  const { ip, port, nodePort } = article.nginx;
  const node = nodeOf(stage);
  const address = cluster.spec.nodes.at(-1)?.address ?? '';
  report.step('The Service answers by its address, and by node port from outside');
  const title = "| grep -o '<h1>.*</h1>'";
  const inside = await stage.onNode(node, `curl -s ${ip}:${port} ${title}`);
  report.check('by its ClusterIP', inside.includes(welcome), inside);
  const outside = await stage.onNode('outside', `curl -s ${address}:${nodePort} ${title}`);
  report.check('by the node port, from a machine that is no node', outside.includes(welcome), outside);
  const dashboard = await stage.onNode('outside', `curl -s ${address}:${article.dashboard.nodePort}`);
  report.check('and the dashboard on its', dashboard.startsWith('kubernetes-dashboard-'), dashboard);
  const loopback = await stage.onNode(node, `curl -s --max-time 1 127.0.0.1:${nodePort} || echo no answer`);
  report.check('not on 127.0.0.1, though ipvsadm lists it', loopback.trim() === 'no answer', loopback);

  const { metadata, status } = nginx[0] ?? {};
  await stage.inPod(metadata?.name ?? '', `curl -s '${ip}:${port}/?masquerade-all' ${title}`);
  // nginx' access logs of all nodes: a lab has one /run. A line may take a moment to get there.
  const logs = "grep -h '/?masquerade-all ' /run/v9s/nodes/*/pods/*/containers/nginx/*.log";
  const patient = `i=0; until ${logs}; do i=$((i+1)); [ $i -lt 100 ] || exit 0; sleep 0.1; done`;
  const { stdout } = await cluster.node(node).exec(['sh', '-c', patient]);
  const seen = / stdout F (\S+) /.exec(stdout)?.[1] ?? 'nobody';
  report.check(
    `--masquerade-all: the pod that answers sees a node (${seen}), not the pod that asked (${status?.podIP})`,
    /^10\.244\.\d+\.[01]$/.test(seen),
    stdout || 'no pod has logged the request within 10 s',
  );
}

export async function balancing(stage: Stage, { nginx }: Pods): Promise<void> {
  const { report, cluster } = stage;
  const { ip } = article.nginx;
  const node = nodeOf(stage);
  report.step(`Round robin: ${requests} connections, and who answered them`);
  const { counts, repeats } = await whoAnswers(stage, nginx);
  report.check(
    `each pod answered ${requests / 3} times exactly`,
    counts.every((count) => count === requests / 3),
    counts.join(', '),
  );
  report.check('never the same twice running', repeats === 0, String(repeats));

  // The kernel adds them up every two seconds; those of the steps before are among them.
  const line = `ipvsadm -L -n --stats -t ${ip}:80`;
  const enough = `awk '$2 == "${ip}:80" && $3 >= ${requests} { moved = 1 } END { exit !moved }'`;
  const moved = `i=0; until ${line} | ${enough} || [ $i = 50 ]; do sleep 0.1; i=$((i+1)); done`;
  await report.progress('waiting for the counters', cluster.node(node).exec(['sh', '-c', moved]));
  const stats = await stage.onNode(node, line);
  const connections = [...stats.matchAll(/^ +-> [\d.]+:80 +(\d+) /gm)].map(([, count]) => Number(count));
  report.check(
    `the counters have moved: ${requests / 3} connections or more to each real server`,
    connections.length === 3 && connections.every((count) => count >= requests / 3),
    stats,
  );
}

/** How many of {@link requests} each pod answers, shown, and how often one answers twice running. */
export async function whoAnswers(
  stage: Stage,
  pods: readonly Pod[],
): Promise<{ counts: number[]; repeats: number }> {
  const { report, cluster } = stage;
  const node = nodeOf(stage);
  const command = `curl -s -H 'Connection: close' 'http://${article.nginx.ip}/name.html?[1-${requests}]'`;
  report.command(node, command);
  const { stdout } = await cluster.node(node).exec(['sh', '-c', command]);
  const answers = stdout.split('\n').filter(Boolean);
  const names = pods.map(({ metadata }) => metadata?.name ?? '');
  const counts = names.map((name) => answers.filter((answer) => answer === name).length);
  report.output(names.map((name, index) => `${String(counts[index]).padStart(5)}  ${name}`).join('\n'));
  return { counts, repeats: countRepeats(answers) };
}
