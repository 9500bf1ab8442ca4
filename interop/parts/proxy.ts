import { versionOf } from '../components/components.ts';
import type { Part } from '../part.ts';
import { playScenarios } from '../scenarios.ts';

const scenarios = [
  'hostnames',
  'subdomain',
  'expose',
  'clusterip',
  'nodeport',
  'coredns',
  'pods',
  'flannel',
  'kubeadm',
];

export const part: Part = {
  name: 'proxy',
  title: 'genuine kube-proxy on our nodes in the place of our dataplane, and the scenarios on them',
  async run(context) {
    const proxy = await context.component('kube-proxy');
    const wanted = context.options.length > 0 ? context.options : scenarios;
    return {
      component: `kube-proxy ${await versionOf(proxy)}`,
      ran: `v9s scenario NAME --program kube-proxy=…, with ${wanted.join(', ')}`,
      cases: await playScenarios(wanted, [`kube-proxy=${proxy}`], context),
      deviations: [],
    };
  },
};
