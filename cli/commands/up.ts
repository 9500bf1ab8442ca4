import type { DataplaneMode } from '../../cluster/spec.ts';
import type { NftablesLayout } from '../../dataplane/configuration.ts';
import type { Backend } from '../../node-agent/overlay/options.ts';
import { nameOption, programOption, type Register, wholeNumber } from './options.ts';

interface UpOptions {
  name: string;
  nodes?: number;
  podCidr?: string;
  serviceCidr?: string;
  serviceNodePortRange?: string;
  overlay?: Backend['type'];
  directRouting?: boolean;
  bridge?: string;
  cniConfig?: string;
  cniBin?: string;
  clusterDns?: string;
  kubeletConfig?: string;
  dataplane?: DataplaneMode;
  emulatedVersion?: string;
  nftablesLayout?: NftablesLayout;
  store?: string;
  controlPlanes?: number;
  etcdCafile?: string;
  etcdCertfile?: string;
  etcdKeyfile?: string;
  etcdPrefix?: string;
  program?: string[];
  auditPolicyFile?: string;
  auditLogPath?: string;
  taintControlPlane?: boolean;
  legacyServiceAccountTokens?: boolean;
  egress?: boolean;
  apiPort?: number;
}

/** `v9s up`: starts a cluster, or brings back the one whose state is kept. */
export const register: Register = (program) => {
  program
    .command('up')
    .description('start a cluster, or bring back the one of that name with all its objects')
    .addOption(nameOption())
    .option('--nodes <count>', 'number of nodes (default 2)', wholeNumber)
    .option('--pod-cidr <cidr>', 'addresses of pods (default 10.244.0.0/16)')
    .option(
      '--overlay <type>',
      "the way to other nodes' pods, as flannel's: vxlan (default), host-gw, udp; or none, for a DaemonSet to install",
    )
    .option('--direct-routing', 'of overlay vxlan: plain routes between nodes on one link')
    .option('--bridge <name>', "the bridge of a node's pods (default cni0)")
    .option('--service-cidr <cidr>', 'addresses of Services (default 10.96.0.0/12)')
    .option('--service-node-port-range <range>', 'node ports (default 30000-32767)')
    .option('--cni-config <file>', "a CNI conflist: its plugins make pods' networks")
    .option('--cni-bin <folders>', 'where plugins are (default /opt/cni/bin:/usr/lib/cni)')
    .option(
      '--cluster-dns <ip>',
      'address of the kube-dns Service, or none (default: tenth of the service CIDR)',
    )
    .option('--kubelet-config <file>', 'a KubeletConfiguration that every node follows')
    .option(
      '--dataplane <mode>',
      'how Services reach the kernel: iptables (default), ipvs, nftables; or none, for a v9s kube-proxy of your own',
    )
    .option(
      '--nftables-layout <layout>',
      'chains for each Service as kube-proxy has them: upstream (default), or shared maps: flat',
    )
    .option('--emulated-version <release>', "whose kube-proxy's rules: 1.33 (default), or 1.10 to 1.13")
    .option(
      '--control-planes <count>',
      'nodes with an apiserver (default 1); more share an etcd',
      wholeNumber,
    )
    .option(
      '--store <store>',
      'where objects are kept: level (default), etcd on the control planes, or etcd=https://HOST:PORT[,…]',
    )
    .option('--etcd-cafile <file>', 'authority of the etcd that --store names')
    .option('--etcd-certfile <file>', 'client certificate for it')
    .option('--etcd-keyfile <file>', 'its key')
    .option('--etcd-prefix <prefix>', 'of the keys in it (default /registry)')
    .addOption(programOption())
    .option(
      '--audit-policy-file <file>',
      'what the apiserver writes down of requests, a Policy of audit.k8s.io/v1; none ends it',
    )
    .option('--audit-log-path <file>', "where to (default: log/audit.log of the cluster's state)")
    .option('--taint-control-plane', 'keep ordinary pods off the control plane, as kubeadm does')
    .option(
      '--legacy-service-account-tokens',
      'give each ServiceAccount a Secret with a token, as before Kubernetes 1.24',
    )
    .option('--egress', 'let pods reach what this machine can reach, through passt')
    .option('--api-port <port>', 'port of the API on 127.0.0.1 (default: any free one)', wholeNumber)
    .action(async ({ program: programs, ...options }: UpOptions) => {
      const { startCluster } = await import('../../cluster/cluster.ts');
      const began = performance.now();
      const cluster = await startCluster({
        ...options,
        ...(programs ? { programs } : {}),
        lifetime: 'detached',
      });
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      const { nodes, dataplane, overlay, cni } = cluster.spec;
      const awaitsNetwork = overlay?.type === 'none' && !cni;
      const worker = nodes.at(-1)?.name;
      const flag = cluster.name === 'v9s' ? '' : ` --name ${cluster.name}`;
      process.stdout.write(
        [
          `Cluster ${cluster.name}: ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'} ${awaitsNetwork ? '' : 'Ready '}in ${seconds} s`,
          ...(awaitsNetwork
            ? ['No node is Ready before a pod network is installed: kubectl create -f kube-flannel.yml']
            : []),
          '',
          `  export KUBECONFIG=${cluster.kubeconfig}`,
          '  kubectl get nodes',
          '',
          `v9s exec${flag} ${worker} -- iptables-save -t nat   shows a node from inside`,
          `v9s down${flag}   ends it`,
          ...(dataplane === 'none' ? ['', ...startProxy(flag)] : []),
          '',
        ].join('\n'),
      );
      cluster.detach();
    });
};

/** What a cluster without a dataplane waits for, on each node. */
const startProxy = (flag: string) => [
  'Services answer where you start a kube-proxy:',
  '',
  `  v9s exec${flag} NODE -- v9s kube-proxy --kubeconfig=/run/v9s/kube-proxy.kubeconfig`,
];
