import type { V1Pod } from '@kubernetes/client-node';
import { addressOf, createFrom, nameOf, readyPods, rulesLeadTo } from '../objects.ts';
import type { Stage } from '../scenario.ts';
import { article } from './server.ts';

/** The article's Deployment and Service. Resolves to its pods; the first is asked from. */
export async function nginx(stage: Stage): Promise<V1Pod[]> {
  const { report } = stage;
  report.step('Pods of nginx and their Service');
  await createFrom(stage, 'ipvs/nginx.yaml');
  const pods = await readyPods(stage, 'app=nginx', 3);
  const table = await stage.kubectl('get svc');
  report.check(
    "both lines are the article's but for their age",
    /^kubernetes +ClusterIP +10\.0\.0\.1 +<none> +443\/TCP /m.test(table) &&
      /^nginx-service +NodePort +10\.0\.0\.228 +<none> +80:41583\/TCP /m.test(table),
    table,
  );
  await rulesLeadTo(
    stage,
    pods.map((pod) => `${addressOf(pod)}:80`),
  );
  return pods;
}

const domain = 'svc.cluster.local';

/** Names as the article asks for them, and what else the specification gives. */
export async function names(stage: Stage, [asking, other]: V1Pod[]): Promise<void> {
  const { report } = stage;
  if (!asking || !other) throw new Error('there are no two pods with app=nginx');
  const inPod = (line: string) => stage.inPod(nameOf(asking), line);
  report.step('Names in a pod: /etc/resolv.conf, ping, nslookup, dig');
  const resolver = await inPod('cat /etc/resolv.conf');
  report.check(
    'it names the Service and searches the cluster, with the dot that the kubelet was given',
    resolver ===
      `search default.${domain}. ${domain}. cluster.local.\nnameserver ${article.dns}\noptions ndots:5\n`,
    resolver,
  );
  const ping = await inPod('ping -c 1 -W 1 nginx-service || true');
  report.check(
    'the name resolves: the line of the article, address and all',
    ping.startsWith(`PING nginx-service.default.${domain} (${article.nginx}) 56(84) bytes of data.\n`),
    ping,
  );
  report.note("The article's ping is answered, in IPVS mode. The scenario ipvs has that answer.");
  const lookup = await inPod('nslookup nginx-service');
  report.check(
    'nslookup: whom it has asked, the whole name, the address',
    lookup.includes(`Server:\t\t${article.dns}\n`) &&
      lookup.includes(`Name:\tnginx-service.default.${domain}\nAddress: ${article.nginx}\n`),
    lookup,
  );
  const page = await inPod(`curl -s nginx-service.default.${domain}`);
  report.check('behind the name is nginx', page.includes('Welcome to nginx!'), page);
  await records(stage, asking, other);
}

/** A question of dig and the answers' data, in any order. */
type Expected = readonly [question: string, ...data: string[]];

async function records(stage: Stage, asking: V1Pod, other: V1Pod): Promise<void> {
  const { report } = stage;
  const dashes = addressOf(other).replaceAll('.', '-');
  const expected: readonly Expected[] = [
    [`nginx-service.default.${domain}`, article.nginx],
    [`kube-dns.kube-system.${domain} +tcp`, article.dns],
    [`nginx-service.default.${domain} AAAA`],
    [`_dns._udp.kube-dns.kube-system.${domain} SRV`, `0 100 53 kube-dns.kube-system.${domain}.`],
    [`-x ${article.nginx}`, `nginx-service.default.${domain}.`],
    [`${dashes}.default.pod.cluster.local`, addressOf(other)],
  ];
  for (const [question, ...data] of expected) {
    const answer = await stage.inPod(nameOf(asking), `dig +short ${question}`);
    const found = answer.split('\n').filter(Boolean).sort().join();
    report.check(data.length > 0 ? data.join(', ') : 'no such data', found === data.sort().join(), found);
  }
  const nobody = await stage.inPod(nameOf(asking), `dig nobody.default.${domain} | grep -E 'status|SOA'`);
  report.check(
    'a name that nobody has is NXDOMAIN, with the SOA of the zone',
    nobody.includes('status: NXDOMAIN') &&
      /^cluster\.local\.\s.*SOA\sns\.dns\.cluster\.local\. /m.test(nobody),
    nobody,
  );
}
