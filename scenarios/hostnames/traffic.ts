import type { V1Pod } from '@kubernetes/client-node';
import type { EndpointSlice, Endpoints } from '../../api/types.ts';
import type { Stage } from '../scenario.ts';
import { countRepeats, testEqualShares } from '../statistics.ts';
import { readyAddresses } from './hostnames.ts';

const requests = 300;

/** How often the test may fail although the shares are equal: once in a million runs. */
const falseAlarmRate = 1e-6;

/** Many new connections from one curl; keep-alive would stay with the first pod. */
const manyRequests = (clusterIp: string, count: number) =>
  `curl -s --max-time 5 -H 'Connection: close' -w '\\n' 'http://${clusterIp}/?[1-${count}]'`;

const nameLines = (text: string) => text.split('\n').filter(Boolean);

/** Article 001 says round robin; the rules, and the answers, say random. */
export async function balancing({ cluster, report }: Stage, clusterIp: string, pods: V1Pod[]): Promise<void> {
  report.step(`${requests} connections, and who answered them`);
  const names = pods.map(({ metadata }) => metadata?.name ?? '');
  const command = manyRequests(clusterIp, requests);
  report.command('control-plane', command);
  const { stdout } = await cluster.node('control-plane').exec(['sh', '-c', command]);
  const answers = nameLines(stdout);
  const counts = names.map((name) => answers.filter((answer) => answer === name).length);
  report.output(names.map((name, index) => `${String(counts[index]).padStart(5)}  ${name}`).join('\n'));
  report.check(
    `all ${requests} were answered`,
    counts.reduce((sum, count) => sum + count, 0) === requests,
    `${answers.length}`,
  );

  const { statistic, degrees, probability } = testEqualShares(counts);
  report.check(
    `the shares are equal: chi-square ${statistic.toFixed(2)} with ${degrees} degrees of freedom; equal shares deviate this much in ${percent(probability)} of all runs (alarm below ${falseAlarmRate})`,
    probability >= falseAlarmRate,
  );
  const repeats = countRepeats(answers);
  report.check(`the choice is random: the same pod answered twice running ${repeats} times`, repeats > 0);
  report.note(
    'Article 001 calls this round robin (轮询). It is not: each rule is taken with a probability, so the same pod may answer several times running, about once in three here; round robin never would.',
  );
}

const percent = (share: number) => `${(100 * share).toFixed(share < 0.01 ? 4 : 0)} %`;

/** Once the endpoint of a pod is gone from the rules, no request may fail. */
export async function lostPod(stage: Stage, clusterIp: string, pods: V1Pod[]): Promise<void> {
  const { cluster, report } = stage;
  report.step('One pod is killed: its endpoint goes, a new one comes, and nobody notices');
  const victim = pods[0];
  const address = victim?.status?.podIP ?? '';
  await stage.kubectl(`delete pod ${victim?.metadata?.name} --wait=false`);
  await cluster.waitFor<EndpointSlice>('endpointslices', (all) => !readyAddresses(all).includes(address), {
    labelSelector: 'kubernetes.io/service-name=hostnames',
  });
  await rulesWithout(stage, `${address}:`);
  const command = manyRequests(clusterIp, requests);
  report.command('control-plane', command);
  const { stdout } = await cluster.node('control-plane').exec(['sh', '-c', command], { allowFailure: true });
  const answers = nameLines(stdout);
  report.check(
    `all ${requests} requests after that were answered`,
    answers.length === requests,
    `${answers.length}`,
  );
  report.check('none of them by the pod that went', !answers.includes(victim?.metadata?.name ?? ''));

  await report.progress(
    'waiting for the new pod',
    cluster.waitFor<Endpoints>('endpoints/hostnames', ([endpoints]) => addressCount(endpoints) === 3),
  );
  const table = await stage.kubectl('get endpoints hostnames');
  report.check('there are three endpoints again', table.match(/:\d+/g)?.length === 3, table);
}

const addressCount = (endpoints: Endpoints | undefined) =>
  (endpoints?.subsets ?? []).reduce((sum, { addresses = [] }) => sum + addresses.length, 0);

/** Waits until no node's rules lead to the address any more; each look is a real `iptables-save`. */
async function rulesWithout({ cluster }: Stage, address: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (const { name } of cluster.spec.nodes) {
    for (;;) {
      const { stdout } = await cluster.node(name).exec(['iptables-save', '-t', 'nat']);
      if (!stdout.includes(`--to-destination ${address}`)) break;
      if (performance.now() > deadline)
        throw new Error(`${name} still has a rule to ${address} 10 s after its endpoint went`);
    }
  }
}
