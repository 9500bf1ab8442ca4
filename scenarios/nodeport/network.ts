import type { V1Pod } from '@kubernetes/client-node';
import { findCommand } from '../../lab/doctor.ts';
import type { Stage } from '../scenario.ts';

/** How a packet goes on from the rules to the pod: a route, and a bridge with a port for each pod. */
export async function showNetwork(stage: Stage, pods: readonly V1Pod[]): Promise<void> {
  const { report } = stage;
  const api = await stage.api();
  const node = pods[0]?.spec?.nodeName ?? '';
  report.step('Where the pods are: a route, and the ports of a bridge');
  const routes = await stage.onNode(node, 'ip route');
  const { spec } = await api.core.readNode({ name: node });
  const cidr = spec?.podCIDR ?? '';
  const gateway = cidr.replace(/\d+\/\d+$/, '1');
  report.check(
    `${cidr} is reached through a bridge, cni0 (the article's is weave's)`,
    routes.includes(`${cidr} dev cni0 proto kernel scope link src ${gateway}`),
    routes,
  );
  const brctl = findCommand('brctl') !== undefined;
  const ports = await stage.onNode(node, brctl ? 'brctl show' : 'bridge link');
  const found = new Set(ports.match(/\bveth\w+/g) ?? []).size;
  const { items } = await api.core.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${node}` });
  const wanted = items.filter((pod) => !pod.spec?.hostNetwork).length;
  report.check(`it has a port for each of the ${wanted} pods`, found === wanted, `${found}`);
}
