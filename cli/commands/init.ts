import type { Command } from 'commander';
import type { DataplaneMode } from '../../cluster/spec.ts';
import type { Backend } from '../../node-agent/overlay/options.ts';
import { ignoredOptions, noteIgnored } from './kubeadm.ts';
import { nameOption, type Register, wholeNumber } from './options.ts';

interface InitOptions {
  name: string;
  podNetworkCidr?: string;
  serviceCidr?: string;
  nodeName?: string;
  token?: string;
  tokenTtl?: string;
  kubeletConfig?: string;
  apiPort?: number;
  host?: boolean;
  apiserverAdvertiseAddress?: string;
  overlay?: Backend['type'];
  dataplane?: DataplaneMode;
  egress?: boolean;
}

/** What of `kubeadm init` means nothing here. */
const ignored = {
  '--kubernetes-version <version>': 'the API is that of 1.33',
  '--apiserver-bind-port <port>': 'the API listens on 6443 inside the lab, and on --api-port outside',
  '--service-dns-domain <domain>': 'names end in cluster.local',
  '--image-repository <registry>': 'there are no images to fetch',
  '--cri-socket <path>': 'the node-agent runs pods itself',
  '--control-plane-endpoint <host>': "nodes call the API at the node's address",
  '--upload-certs': 'certificates stay in the state folder',
  '--ignore-preflight-errors <checks>': 'v9s doctor checks this machine',
};

/** `v9s init`: a cluster of one node, which others join; as `kubeadm init`. */
export const register: Register = (program) => {
  const command = program
    .command('init')
    .description('start a cluster of one node, which others join: as kubeadm init')
    .addOption(nameOption())
    .option('--pod-network-cidr <cidr>', 'addresses of pods (default 10.244.0.0/16)')
    .option('--service-cidr <cidr>', 'addresses of Services (default 10.96.0.0/12)')
    .option('--node-name <name>', 'of the first node (default control-plane)')
    .option('--token <token>', 'by which nodes join (default: a random one)')
    .option('--token-ttl <duration>', 'how long it is good; 0 for ever (default 24h)')
    .option('--kubelet-config <file>', 'a KubeletConfiguration that every node follows')
    .option(
      '--overlay <type>',
      "the way to other nodes' pods: vxlan (default), host-gw, udp; none, for a manifest of flannel's",
    )
    .option('--dataplane <mode>', 'how Services reach the kernel: iptables (default), ipvs, nftables')
    .option('--egress', 'let pods reach what this machine can reach, through passt')
    .option('--host', 'this machine itself becomes the node, with its interfaces; for root')
    .option(
      '--apiserver-advertise-address <ip>',
      'of this machine, with --host (default: that of its default route)',
    )
    .option('--api-port <port>', 'port of the API on 127.0.0.1 (default: any free one)', wholeNumber);
  ignoredOptions(command, ignored);
  command.action(async (given: InitOptions, self: Command) => {
    noteIgnored(self, ignored);
    const { podNetworkCidr, host = false, apiserverAdvertiseAddress: advertiseAddress, ...options } = given;
    if (advertiseAddress !== undefined && !host)
      process.stderr.write(
        "--apiserver-advertise-address is ignored: the API is at the node's address in its lab\n",
      );
    const { initCluster, initMachine } = await import('../../cluster/kubeadm/index.ts');
    const { cluster, joinCommand } = await (host ? initMachine : initCluster)({
      ...options,
      ...(podNetworkCidr === undefined ? {} : { podCidr: podNetworkCidr }),
      ...(advertiseAddress !== undefined && host ? { advertiseAddress } : {}),
      lifetime: 'detached',
    });
    process.stdout.write(done(cluster.kubeconfig, cluster.spec.overlay?.type ?? 'vxlan', joinCommand));
    cluster.detach();
  });
};

/** In the order of kubeadm's, for who follows a text about that. */
const done = (kubeconfig: string, overlay: Backend['type'], joinCommand: string) => `
Your Kubernetes control-plane has initialized successfully!

To use it as this user:

  mkdir -p $HOME/.kube
  cp -i ${kubeconfig} $HOME/.kube/config

or in this shell alone:

  export KUBECONFIG=${kubeconfig}

${
  overlay === 'none'
    ? 'No node is Ready before there is a pod network: kubectl apply -f kube-flannel.yml makes one.'
    : `A pod network is there already: flannel's ${overlay}. kubectl apply -f [podnetwork].yaml is not needed.`
}

Worker nodes join with

${joinCommand}
`;
