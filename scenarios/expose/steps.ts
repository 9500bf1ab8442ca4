import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import type { Service } from '../../api/types.ts';
import { packageRoot } from '../../kernel/package-root.ts';
import { findCommand } from '../../lab/doctor.ts';
import { addressOf, createFrom, fileArgument, nameOf, readyPods } from '../objects.ts';
import { host } from '../report.ts';
import type { Stage } from '../scenario.ts';

const manifest = 'expose/deployment_python_http.yaml';

/** The ClusterIP of the Service, once there is one, and the pods behind it. */
export interface ServiceTest {
  clusterIp: string;
  pods: V1Pod[];
}

/** What a pod of the Deployment answers. */
export const helloFrom = (pod: V1Pod): string => `<p>Hello from ${nameOf(pod)}</p>`;

/** Article 002's Deployment: four pods of Python's HTTP server. Resolves to them, once they are Ready. */
export async function createPods(stage: Stage): Promise<V1Pod[]> {
  const { report, cluster } = stage;
  report.step("The Deployment, the article's own YAML");
  report.command(host, `cat ${fileArgument(manifest)}`);
  report.output(readFileSync(join(packageRoot, 'scenarios', manifest), 'utf8'), Number.POSITIVE_INFINITY);
  const answer = await createFrom(stage, manifest);
  report.check('it is accepted as it stands', answer.includes('/service-test created'), answer);
  const pods = await readyPods(stage, 'app=service_test_pod', 4);
  const table = await stage.kubectl('get pod -o wide');
  report.check(
    'each line is as in the article: ready 1/1, Running, no restart, an address and a node',
    pods.every((pod) =>
      new RegExp(
        `^${nameOf(pod)} +1/1 +Running +0 +\\S+ +${addressOf(pod)} +${pod.spec?.nodeName}\\b`,
        'm',
      ).test(table),
    ),
    table,
  );
  const perNode = new Set(pods.map(({ spec }) => spec?.nodeName)).size;
  const workers = cluster.spec.nodes.filter(({ taints }) => taints.length === 0).length;
  report.check(
    workers === 2 ? 'four pods, on two nodes as in the article' : 'four pods',
    perNode === Math.min(workers, 4),
    String(perNode),
  );
  return pods;
}

/** What `kubectl expose` makes, for machines without kubectl. */
const exposed: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'service-test' },
  spec: {
    selector: { app: 'service_test_pod' },
    ports: [{ port: 8088, protocol: 'TCP', targetPort: 8080 }],
  },
};

/** `kubectl expose`, to the article's letter. Resolves to the address that the Service was given. */
export async function exposeDeployment(stage: Stage): Promise<string> {
  const { report } = stage;
  const api = await stage.api();
  report.step('The Service: kubectl expose');
  const answer = findCommand('kubectl')
    ? await stage.kubectl('expose deployment service-test --port 8088 --target-port=8080')
    : await stage.kubectl('create -f -', JSON.stringify(exposed));
  report.check('it is made', /service-test (exposed|created)/.test(answer), answer);
  const table = await stage.kubectl('get service -o wide');
  const { spec } = await api.core.readNamespacedService({ name: 'service-test', namespace: 'default' });
  const clusterIp = spec?.clusterIP ?? '';
  report.check(
    'it is of type ClusterIP, with an address, port 8088/TCP and the selector of the pods',
    new RegExp(`service-test +ClusterIP +${clusterIp} +<none> +8088/TCP .*app=service_test_pod`).test(table),
    table,
  );
  return clusterIp;
}

/** The article's loop of four requests, from a node. */
export async function askFourTimes(
  stage: Stage,
  { clusterIp, pods }: ServiceTest,
  node = 'control-plane',
): Promise<void> {
  const answers = await stage.onNode(node, `for i in \`seq 4\`; do curl -s ${clusterIp}:8088; done`);
  const wanted = pods.map(helloFrom);
  const lines = answers.trim().split('\n');
  stage.report.check(
    'each is answered by one of the pods',
    lines.length === 4 && lines.every((line) => wanted.includes(line)),
    answers,
  );
}
