/** What a flag's value looks like on the command line. */
export type FlagType = 'bool' | 'int' | 'float' | 'duration' | 'string' | 'list' | 'map';

/** One flag of kube-proxy. */
export interface Flag {
  readonly name: string;
  readonly type: FlagType;
  /** Fields of KubeProxyConfiguration that it sets, dots between the levels. None: {@link ParsedFlags.options} has it. */
  readonly fields: readonly string[];
  readonly help: string;
  /** One letter that stands for the name. */
  readonly short?: string;
  /** Taken, told of, and else without effect unless it has fields; says what to do instead. */
  readonly deprecated?: string;
}

const flag = (name: string, type: FlagType, fields: string, help: string): Flag => ({
  name,
  type,
  fields: fields ? fields.split(' ') : [],
  help,
});
const gone = (name: string, type: FlagType, instead: string): Flag => ({
  ...flag(name, type, '', ''),
  deprecated: instead,
});

/** klog's flags that left in 1.26; manifests of older releases, the articles' too, still carry them. */
const klog =
  'will be removed in a future release, see https://kubernetes.io/docs/concepts/cluster-administration/system-logs/';

const deprecatedPort = (server: string) =>
  `This flag is deprecated and will be removed in a future release. Please use --${server}-bind-address instead.`;

/** kube-proxy 1.33's flags, and older releases' that manifests still carry. Upstream: `cmd/kube-proxy/app/options.go`. */
export const flags: readonly Flag[] = [
  flag('bind-address', 'string', 'bindAddress', "Overrides the node's primary IP; nothing listens on it"),
  flag(
    'bind-address-hard-fail',
    'bool',
    'bindAddressHardFail',
    'Taken; a port that cannot be bound is tried again',
  ),
  flag('cleanup', 'bool', '', 'Remove the rules of every mode and exit'),
  flag(
    'cluster-cidr',
    'string',
    'clusterCIDR',
    "The pods' addresses; two, comma-separated, in dual-stack clusters",
  ),
  flag('config', 'string', '', 'A KubeProxyConfiguration file; flags go before what it says'),
  flag('config-sync-period', 'duration', 'configSyncPeriod', 'Taken; a watch brings every change at once'),
  flag(
    'conntrack-max-per-core',
    'int',
    'conntrack.maxPerCore',
    'Connections to track per core; 0 leaves the limit',
  ),
  flag('conntrack-min', 'int', 'conntrack.min', 'Connections to track at least'),
  flag('conntrack-tcp-be-liberal', 'bool', 'conntrack.tcpBeLiberal', 'Track TCP packets liberally'),
  flag(
    'conntrack-tcp-timeout-close-wait',
    'duration',
    'conntrack.tcpCloseWaitTimeout',
    'Time-out in CLOSE_WAIT',
  ),
  flag(
    'conntrack-tcp-timeout-established',
    'duration',
    'conntrack.tcpEstablishedTimeout',
    'Idle time-out of established TCP; 0 leaves it',
  ),
  flag(
    'conntrack-udp-timeout',
    'duration',
    'conntrack.udpTimeout',
    'Idle time-out of unreplied UDP; 0 leaves it',
  ),
  flag(
    'conntrack-udp-timeout-stream',
    'duration',
    'conntrack.udpStreamTimeout',
    'Idle time-out of assured UDP; 0 leaves it',
  ),
  flag(
    'detect-local-mode',
    'string',
    'detectLocalMode',
    'ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix',
  ),
  flag(
    'emulated-version',
    'string',
    '',
    "Release whose rules are written: 1.33 (default), or the articles' 1.10 to 1.13, which hold node ports too",
  ),
  flag(
    'feature-gates',
    'map',
    'featureGates',
    'key=true|false, comma-separated; PreferSameTrafficDistribution (false): topology hints by node count',
  ),
  flag(
    'healthz-bind-address',
    'string',
    'healthzBindAddress',
    'Where /healthz and /livez are served (0.0.0.0:10256); empty: nowhere',
  ),
  { ...flag('help', 'bool', '', 'This list'), short: 'h' },
  flag(
    'hostname-override',
    'string',
    'hostnameOverride',
    "Name of this proxy's Node (default: the hostname)",
  ),
  flag('init-only', 'bool', '', 'Set kernel parameters and exit'),
  flag(
    'iptables-localhost-nodeports',
    'bool',
    'iptables.localhostNodePorts',
    'Let node ports answer on 127.0.0.1 (true)',
  ),
  flag(
    'iptables-masquerade-bit',
    'int',
    'iptables.masqueradeBit',
    'Bit of the mark that asks for masquerading (14)',
  ),
  flag(
    'iptables-min-sync-period',
    'duration',
    'iptables.minSyncPeriod nftables.minSyncPeriod',
    'Least time between two writes, but in ipvs mode',
  ),
  flag(
    'iptables-sync-period',
    'duration',
    'iptables.syncPeriod nftables.syncPeriod',
    'How often the kernel is looked at, but in ipvs mode (30s)',
  ),
  flag('ipvs-exclude-cidrs', 'list', 'ipvs.excludeCIDRs', 'Virtual servers in these CIDRs are left alone'),
  flag(
    'ipvs-min-sync-period',
    'duration',
    'ipvs.minSyncPeriod',
    'Least time between two writes in ipvs mode',
  ),
  flag('ipvs-scheduler', 'string', 'ipvs.scheduler', 'IPVS scheduler (rr)'),
  flag('ipvs-strict-arp', 'bool', 'ipvs.strictARP', 'Set arp_ignore to 1 and arp_announce to 2'),
  flag(
    'ipvs-sync-period',
    'duration',
    'ipvs.syncPeriod',
    'How often the kernel is looked at in ipvs mode (30s)',
  ),
  flag(
    'ipvs-tcp-timeout',
    'duration',
    'ipvs.tcpTimeout',
    'Time-out of idle IPVS TCP connections; 0 leaves it',
  ),
  flag(
    'ipvs-tcpfin-timeout',
    'duration',
    'ipvs.tcpFinTimeout',
    'Time-out of IPVS TCP connections after a FIN; 0 leaves it',
  ),
  flag('ipvs-udp-timeout', 'duration', 'ipvs.udpTimeout', 'Time-out of IPVS UDP; 0 leaves it'),
  flag('kube-api-burst', 'int', 'clientConnection.burst', 'Taken; the client has no limit of its own'),
  flag('kube-api-content-type', 'string', 'clientConnection.contentType', 'Taken; the client speaks JSON'),
  flag('kube-api-qps', 'float', 'clientConnection.qps', 'Taken; the client has no limit of its own'),
  flag(
    'kubeconfig',
    'string',
    'clientConnection.kubeconfig',
    'How to reach the API (default: as a pod does)',
  ),
  flag('log-flush-frequency', 'duration', 'logging.flushFrequency', 'Taken; every line is written at once'),
  flag('logging-format', 'string', 'logging.format', 'Taken; the format is text'),
  flag(
    'masquerade-all',
    'bool',
    'iptables.masqueradeAll nftables.masqueradeAll',
    'Masquerade all traffic to ClusterIPs',
  ),
  flag('master', 'string', '', "URL of the API, before the kubeconfig's"),
  flag(
    'metrics-bind-address',
    'string',
    'metricsBindAddress',
    'Where /metrics is served (127.0.0.1:10249); empty: nowhere',
  ),
  flag(
    'nftables-layout',
    'string',
    'nftables.layout',
    'Chains for each Service (upstream, default) or shared maps (flat)',
  ),
  flag(
    'nodeport-addresses',
    'list',
    'nodePortAddresses',
    'CIDRs of the addresses that node ports answer on, or primary',
  ),
  flag('oom-score-adj', 'int', 'oomScoreAdj', 'oom-score-adj of this process'),
  flag(
    'pod-bridge-interface',
    'string',
    'detectLocal.bridgeInterface',
    'Bridge of the pods, for detect-local-mode BridgeInterface',
  ),
  flag(
    'pod-interface-name-prefix',
    'string',
    'detectLocal.interfaceNamePrefix',
    "Prefix of the pods' interfaces, for InterfaceNamePrefix",
  ),
  flag('profiling', 'bool', 'enableProfiling', 'Taken; node --inspect does that here'),
  flag('proxy-mode', 'string', 'mode', 'iptables (default), ipvs or nftables'),
  flag('show-hidden-metrics-for-version', 'string', 'showHiddenMetricsForVersion', 'Taken; none is hidden'),
  { ...flag('v', 'int', '', 'Verbosity; from 2 on every write is told of'), short: 'v' },
  flag('version', 'bool', '', 'The release whose behaviour this is'),
  flag('vmodule', 'string', '', 'Taken; verbosity is one for all'),
  flag('write-config-to', 'string', '', 'Write the configuration to this file and exit'),
  {
    ...flag('healthz-port', 'int', '', ''),
    deprecated: deprecatedPort('healthz'),
  },
  {
    ...flag('metrics-port', 'int', '', ''),
    deprecated: deprecatedPort('metrics'),
  },
  ...[
    'add-dir-header',
    'alsologtostderr',
    'logtostderr',
    'one-output',
    'skip-headers',
    'skip-log-headers',
  ].map((name) => gone(name, 'bool', klog)),
  ...['log-backtrace-at', 'log-dir', 'log-file', 'log-file-max-size', 'stderrthreshold'].map((name) =>
    gone(name, 'string', klog),
  ),
  gone('cleanup-ipvs', 'bool', 'Use --cleanup.'),
  gone('cleanup-iptables', 'bool', 'Use --cleanup.'),
  gone('proxy-port-range', 'string', 'It was for the userspace mode.'),
  gone('udp-timeout', 'string', 'It was for the userspace mode.'),
  gone('resource-container', 'string', 'It has no effect.'),
];
