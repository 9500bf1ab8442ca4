import type { Pod } from '../../api/types.ts';
import type { Stage } from '../scenario.ts';
import { article, inServer, logOf } from './server.ts';

/** The folder of a pod's ServiceAccount. */
const account = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What the manifest gives the process: its Corefile, a root it cannot write to, one capability. */
export async function surroundings(stage: Stage, pod: Pod): Promise<void> {
  const { report } = stage;
  report.step('What the process was given');
  const corefile = await inServer(stage, pod, 'cat /etc/coredns/Corefile');
  report.check(
    'the Corefile is mounted from the ConfigMap',
    corefile.startsWith('.:53 {\n') && corefile.includes('\n        upstream\n'),
    corefile,
  );
  const log = await logOf(stage, pod);
  report.output(log);
  report.check(
    '`upstream`, which CoreDNS dropped in 2019, is taken, and said to do nothing',
    log.includes('plugin/kubernetes: upstream: ignored'),
    log,
  );
  const capabilities = await inServer(stage, pod, 'grep CapEff /proc/1/status');
  report.check(
    'of all capabilities it has NET_BIND_SERVICE, number 10',
    capabilities.endsWith('\t0000000000000400\n'),
    capabilities,
  );
  const written = await inServer(stage, pod, 'touch /etc/coredns/own /own 2>&1 || true');
  report.check(
    'neither its root nor its Corefile can be written to',
    written.match(/Read-only file system/g)?.length === 2,
    written,
  );
  const resolver = await inServer(stage, pod, 'cat /etc/resolv.conf');
  report.check(
    "dnsPolicy Default: it asks the node's name server for other names, not itself",
    resolver.startsWith('nameserver ') && !resolver.includes(article.dns),
    resolver,
  );
}

/** What its ServiceAccount may read: the ClusterRole is older than EndpointSlices. */
export async function rights(stage: Stage, pod: Pod): Promise<void> {
  const { report } = stage;
  report.step("What its ServiceAccount may read: the ClusterRole's four, and no more");
  const paths = ['endpoints', 'services', 'pods', 'namespaces', 'secrets'].map((name) => `api/v1/${name}`);
  paths.push('apis/discovery.k8s.io/v1/endpointslices');
  const line = `for path in ${paths.join(' ')}; do curl -s -o /dev/null -w "%{http_code} $path\\n" --cacert ${account}/ca.crt -H "Authorization: Bearer $(cat ${account}/token)" https://$KUBERNETES_SERVICE_HOST/$path; done`;
  const answers = await inServer(stage, pod, line);
  report.check(
    'endpoints, services, pods and namespaces are given; secrets and EndpointSlices are refused',
    answers === paths.map((path, index) => `${index < 4 ? 200 : 403} ${path}\n`).join(''),
    answers,
  );
  const log = await logOf(stage, pod);
  report.check(
    'so it follows Endpoints, as CoreDNS 1.3.1 did',
    log.includes('plugin/kubernetes: following Endpoints, not EndpointSlices'),
    log,
  );
  report.note(
    "CoreDNS has asked for EndpointSlices alone since 1.11; it would wait for the right to read them, and answer for no Service's pods. Its own image has no shell to look about with; this one has.",
  );
}

/** What the probes ask, and what a Prometheus would. */
export async function pages(stage: Stage, pod: Pod): Promise<void> {
  const { report, kubectl } = stage;
  report.step('Its pages: health on 8080, metrics on 9153');
  const health = await stage.onNode('control-plane', `curl -s ${pod.status?.podIP}:8080/health`);
  report.check('“OK” is what both probes see', health === 'OK', health);
  const metrics = await stage.onNode(
    'control-plane',
    `curl -s ${article.dns}:9153/metrics | grep -E '^coredns_(dns_requests_total.*type="A"|cache_(hits|misses)_total|build_info)'`,
  );
  const asked = Number(/^coredns_dns_requests_total\{.*proto="udp".*type="A".*\} (\d+)$/m.exec(metrics)?.[1]);
  report.check('questions have been counted', asked > 0, metrics);
  report.note('Counters were called coredns_dns_request_count_total and the like until CoreDNS 1.7.');
  const table = await kubectl('get pods -n kube-system');
  report.check('the pod has not been restarted', / 1\/1 +Running +0 /.test(table), table);
}
