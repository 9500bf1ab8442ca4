import { readFileSync } from 'node:fs';
import type { Pod } from '../../api/types.ts';
import { findCommand } from '../../lab/doctor.ts';
import { fileArgument } from '../objects.ts';
import { host } from '../report.ts';
import type { Stage } from '../scenario.ts';
import { article, readyServer } from './server.ts';

/** What the kubelets are told, as article 003 prints it. */
export const kubeletConfig = fileArgument('coredns/kubelet-config.yaml');

/** What kubectl printed in the article. */
const created = `serviceaccount/coredns created
clusterrole.rbac.authorization.k8s.io/system:coredns created
clusterrolebinding.rbac.authorization.k8s.io/system:coredns created
configmap/coredns created
deployment.apps/coredns created
service/kube-dns created
`;

/** Pods are sent to an address that nobody has yet. */
export async function toldAddress({ report, cluster, kubectl }: Stage): Promise<void> {
  report.step('What kubelets tell pods, and who is there');
  report.command(host, `grep -A1 clusterDNS ${kubeletConfig}`);
  const lines = readFileSync(kubeletConfig, 'utf8').split('\n');
  const at = lines.indexOf('clusterDNS:');
  const found = lines.slice(at, at + 2).join('\n');
  report.output(found);
  const { clusterDns = [] } = cluster.spec.kubelet ?? {};
  report.check(
    `pods are to ask ${article.dns}`,
    found.includes(`- ${article.dns} `) && clusterDns.join() === article.dns,
    clusterDns.join(),
  );
  const services = await kubectl('get svc -n kube-system');
  const pods = await kubectl('get pods -n kube-system');
  report.check('there is no such Service, and no pod', !/dns/.test(services + pods), services + pods);
}

/** Applies the manifest. Resolves to the pod, once it is ready and every node's rules lead there. */
export async function install(stage: Stage): Promise<Pod> {
  const { report, kubectl } = stage;
  report.step('coredns.yaml, as it stands');
  const answer = await kubectl(`apply -f ${fileArgument('coredns/coredns.yaml')}`);
  report.check("six objects are created: the article's lines", answer === created, answer);
  const namespaces = await kubectl('get ns');
  report.check(
    'the three namespaces of the article are Active',
    ['default', 'kube-public', 'kube-system'].every((name) =>
      new RegExp(`^${name} +Active `, 'm').test(namespaces),
    ),
    namespaces,
  );
  const pod = await readyServer(stage);
  const table = await kubectl('get pods -n kube-system');
  report.check(
    "the pod's line is as in the article: 1/1, Running, not restarted",
    /^coredns-\w{8,10}-\w{5} +1\/1 +Running +0 /m.test(table),
    table,
  );
  const all = findCommand('kubectl')
    ? await kubectl('get all -n kube-system')
    : `${await kubectl('get deployments -n kube-system')}${await kubectl('get svc -n kube-system')}`;
  report.check(
    'the Deployment is whole; the Service has the address and the ports of the manifest',
    /^(deployment\.apps\/)?coredns +1\/1 +1 +1 /m.test(all) &&
      /^(service\/)?kube-dns +ClusterIP +10\.0\.0\.2 +<none> +53\/UDP,53\/TCP,9153\/TCP /m.test(all),
    all,
  );
  return pod;
}
