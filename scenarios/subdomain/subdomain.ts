import type { V1Pod } from '@kubernetes/client-node';
import type { Pod } from '../../api/types.ts';
import { addressOf, createFrom, readyPods, rulesLeadTo } from '../objects.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { changes } from './changes.ts';
import { domain, fqdn, selector } from './names.ts';

/**
 * Article 001's part on DNS: the name of a Service with an address, of one without, and of a pod with hostname and
 * subdomain; and what becomes of them when pods come and go.
 */
export const subdomain: Scenario = {
  name: 'subdomain',
  title:
    'A pod with a name of its own in DNS, busybox-1.default-subdomain.default.svc.cluster.local: how it comes about, who else has a name, and pods that come and go (article 001).',
  cluster: { nodes: 3, taintControlPlane: true },
  async play(stage) {
    const pod = await create(stage);
    await inside(stage, pod);
    await theThree(stage, pod);
    await otherQuestions(stage, pod);
    await changes(stage, pod);
  },
};

async function create(stage: Stage): Promise<V1Pod> {
  const { report, cluster } = stage;
  report.step("The headless Service and the pod, the article's own YAML");
  const answer = await createFrom(stage, 'subdomain/busybox.yaml');
  report.check(
    'it is accepted as it stands',
    answer === 'service/default-subdomain created\npod/busybox1 created\n',
    answer,
  );
  const [pod] = await readyPods(stage, selector, 1);
  if (!pod) throw new Error(`no pod with ${selector} is ready`);
  const servers = await report.progress(
    'waiting for cluster DNS',
    cluster.waitFor<Pod>('pods', 'Ready', { namespace: 'kube-system', labelSelector: 'k8s-app=kube-dns' }),
  );
  await rulesLeadTo(
    stage,
    servers.map(({ status }) => `${status?.podIP}:53`),
  );
  const services = await stage.kubectl('get svc');
  report.check(
    'the Service has no address: None',
    /^default-subdomain +ClusterIP +None +<none> +1234\/TCP /m.test(services),
    services,
  );
  const pods = await stage.kubectl('get pods -o wide');
  report.check('the pod has one', pods.includes(` ${addressOf(pod)} `), pods);
  return pod;
}

/** What the pod knows of itself and of name servers. */
async function inside(stage: Stage, pod: V1Pod): Promise<void> {
  const { report, inPod } = stage;
  report.step('In the pod: who it is, and whom it asks');
  const hostname = await inPod('busybox1', 'hostname');
  report.check(
    'spec.hostname is its host name, not the name of the pod',
    hostname === 'busybox-1\n',
    hostname,
  );
  const hosts = await inPod('busybox1', 'cat /etc/hosts');
  report.check(
    '/etc/hosts has its address, with the whole name and the short one',
    hosts.endsWith(`\n${addressOf(pod)}\t${fqdn}\tbusybox-1\n`),
    hosts,
  );
  const whole = await inPod('busybox1', 'hostname -f');
  report.check('so `hostname -f` is the whole name', whole === `${fqdn}\n`, whole);
  const resolver = await inPod('busybox1', 'cat /etc/resolv.conf');
  report.check(
    'names are searched in its namespace, in all Services, in the cluster; ndots:5 has short ones tried there first',
    resolver.startsWith(
      `search default.${domain} ${domain} cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n`,
    ),
    resolver,
  );
}

/** The article's three kinds of names. */
async function theThree(stage: Stage, pod: V1Pod): Promise<void> {
  const { report, inPod } = stage;
  const ip = addressOf(pod);
  report.step('The three kinds of names');
  const clusterIp = await inPod('busybox1', `dig +short kubernetes.default.${domain}`);
  report.check('a Service of type ClusterIP: its address', clusterIp === '10.96.0.1\n', clusterIp);
  const headless = await inPod('busybox1', `dig +short default-subdomain.default.${domain}`);
  report.check('a headless Service: the addresses of its pods', headless === `${ip}\n`, headless);
  const byAddress = await inPod(
    'busybox1',
    `dig +short ${ip.replaceAll('.', '-')}.default.pod.cluster.local`,
  );
  report.check('a pod: its own address with dashes', byAddress === `${ip}\n`, byAddress);
  const named = await inPod('busybox1', `nslookup ${fqdn}`);
  report.check(
    'a pod with hostname and subdomain, and a headless Service of that name: both in its name',
    named.includes(`Name:\t${fqdn}\nAddress: ${ip}\n`),
    named,
  );
}

/** What else the same name answers, and the ways to ask for it. */
async function otherQuestions(stage: Stage, pod: V1Pod): Promise<void> {
  const { report, inPod } = stage;
  const ip = addressOf(pod);
  report.step('The same name, asked for otherwise');
  const short = await inPod('busybox1', 'getent hosts busybox-1.default-subdomain');
  report.check('the search path makes it whole', short.includes(ip) && short.includes(fqdn), short);
  const ping = await inPod('busybox1', 'ping -c 1 busybox-1.default-subdomain');
  report.check('it is the pod that answers', ping.includes(' 0% packet loss'), ping);
  const service = await inPod(
    'busybox1',
    `dig +noall +answer _foo._tcp.default-subdomain.default.${domain} SRV`,
  );
  report.check(
    'SRV of the port foo: the name, and 1234',
    /\sSRV\s0 100 1234 (\S+)/.exec(service)?.[1] === `${fqdn}.`,
    service,
  );
  const back = await inPod('busybox1', `dig +short -x ${ip}`);
  report.check('PTR: back from the address to the name', back === `${fqdn}.\n`, back);
  const tcp = await inPod('busybox1', `dig +tcp +short ${fqdn}`);
  report.check('over TCP the same', tcp === `${ip}\n`, tcp);
  const none = await inPod('busybox1', `dig ${fqdn} AAAA | grep -E 'status|SOA'`);
  report.check(
    'AAAA: the name exists, and has no such data: NOERROR with the SOA',
    none.includes('status: NOERROR') && none.includes('ns.dns.cluster.local. '),
    none,
  );
}
