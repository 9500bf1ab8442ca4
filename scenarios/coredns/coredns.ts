import type { Scenario } from '../scenario.ts';
import { pages, rights, surroundings } from './inside.ts';
import { install, kubeletConfig, toldAddress } from './install.ts';
import { names, nginx } from './names.ts';
import { reloaded } from './reload.ts';

/**
 * Article 003's coredns.yaml on a cluster without DNS: every object comes from the manifest, and the server in its pod
 * is what the Corefile in its ConfigMap makes of it.
 */
export const coredns: Scenario = {
  name: 'coredns',
  title:
    'A cluster without DNS, and a coredns.yaml of 2019 applied as it stands: names that resolve in pods, rights, pages, and a Corefile that is edited (article 003).',
  cluster: {
    nodes: 3,
    taintControlPlane: true,
    serviceCidr: '10.0.0.0/24',
    serviceNodePortRange: '30000-50000',
    clusterDns: 'none',
    kubeletConfig,
  },
  async play(stage) {
    await toldAddress(stage);
    const pod = await install(stage);
    await surroundings(stage, pod);
    await rights(stage, pod);
    const asking = await nginx(stage);
    await names(stage, asking);
    await pages(stage, pod);
    await reloaded(stage, pod, asking);
  },
};
