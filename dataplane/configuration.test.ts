import { expect, test } from 'vitest';
import { ConfigurationError, type KubeProxyConfiguration, proxyConfiguration } from './configuration.ts';

test('an empty file gives the defaults of kube-proxy', () => {
  expect(
    proxyConfiguration({ apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration' }),
  ).toMatchObject({
    mode: 'iptables',
    healthzBindAddress: '0.0.0.0:10256',
    detectLocal: { mode: 'ClusterCIDR', clusterCIDR: '' },
    nodePortAddresses: [],
    iptables: {
      masqueradeBit: 14,
      masqueradeAll: false,
      localhostNodePorts: true,
      syncPeriod: 30_000,
      minSyncPeriod: 0,
    },
    conntrack: { tcpBeLiberal: false, tcpEstablishedTimeout: 86_400_000, tcpCloseWaitTimeout: 3_600_000 },
  });
});

test('what kubeadm writes into its ConfigMap is taken as it is', () => {
  const configuration = proxyConfiguration({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    bindAddress: '0.0.0.0',
    bindAddressHardFail: false,
    clientConnection: {
      acceptContentTypes: '',
      burst: 0,
      contentType: '',
      kubeconfig: '/var/lib/kube-proxy/kubeconfig.conf',
      qps: 0,
    },
    clusterCIDR: '10.244.0.0/16',
    configSyncPeriod: '0s',
    conntrack: {
      maxPerCore: null,
      min: null,
      tcpBeLiberal: false,
      tcpCloseWaitTimeout: null,
      tcpEstablishedTimeout: null,
      udpStreamTimeout: '0s',
      udpTimeout: '0s',
    },
    detectLocal: { bridgeInterface: '', interfaceNamePrefix: '' },
    detectLocalMode: '',
    enableProfiling: false,
    healthzBindAddress: '',
    hostnameOverride: '',
    iptables: {
      localhostNodePorts: null,
      masqueradeAll: false,
      masqueradeBit: null,
      minSyncPeriod: '1s500ms',
      syncPeriod: '0s',
    },
    ipvs: {
      excludeCIDRs: null,
      minSyncPeriod: '0s',
      scheduler: '',
      strictARP: false,
      syncPeriod: '0s',
      tcpFinTimeout: '0s',
      tcpTimeout: '0s',
      udpTimeout: '0s',
    },
    kind: 'KubeProxyConfiguration',
    logging: { flushFrequency: 0, options: { json: { infoBufferSize: '0' } }, verbosity: 0 },
    metricsBindAddress: '',
    mode: '',
    nftables: { masqueradeAll: false, masqueradeBit: null, minSyncPeriod: '0s', syncPeriod: '0s' },
    nodePortAddresses: null,
    oomScoreAdj: null,
    portRange: '',
    showHiddenMetricsForVersion: '',
    winkernel: { enableDSR: false, networkName: '', rootHnsEndpointName: '', sourceVip: '' },
  });
  expect(configuration).toMatchObject({
    mode: 'iptables',
    healthzBindAddress: '0.0.0.0:10256',
    detectLocal: { clusterCIDR: '10.244.0.0/16' },
  });
  expect(configuration.iptables).toMatchObject({
    minSyncPeriod: 1_500,
    syncPeriod: 30_000,
    localhostNodePorts: true,
  });
});

test.each([
  [{ clusterCidr: '10.0.0.0/8' }, 'unknown field "clusterCidr"'],
  [{ iptables: { masquerade: true } }, 'unknown field "iptables.masquerade"'],
  [{ kind: 'KubeletConfiguration' }, 'kind: "KubeletConfiguration" is not "KubeProxyConfiguration"'],
  [{ apiVersion: 'v1' }, 'apiVersion: "v1" is not "kubeproxy.config.k8s.io/v1alpha1"'],
  [{ nodePortAddresses: '10.0.0.0/8' }, 'nodePortAddresses: "10.0.0.0/8" is not a list of strings'],
  [{ iptables: { masqueradeAll: 'yes' } }, 'iptables.masqueradeAll: "yes" is not a boolean'],
  [{ iptables: { syncPeriod: '30' } }, 'iptables.syncPeriod: "30" is not a duration (as in 30s or 1m30s)'],
  [{ iptables: [] }, 'iptables: [] is not an object'],
])('%j is none', (file, message) => {
  expect(() => proxyConfiguration(file)).toThrow(`KubeProxyConfiguration: ${message}`);
});

const atLeast0 = 'must be greater than or equal to 0';
const dualStack = 'DualStack CIDR (e.g. 10.100.0.0/16,fde4:8dba:82e1::/48)';

/** Cases of upstream's `pkg/proxy/apis/config/validation/validation_test.go`. */
test.each<[KubeProxyConfiguration, path: string, value: unknown, why: string]>([
  [
    { mode: 'userspace' },
    'Mode',
    'userspace',
    'must be iptables,ipvs,nftables or blank (blank means the best-available proxy [currently iptables])',
  ],
  [
    { bindAddress: '10.10.12.11:2000' },
    'BindAddress',
    '10.10.12.11:2000',
    'not a valid textual representation of an IP address',
  ],
  [{ healthzBindAddress: 'localhost' }, 'HealthzBindAddress', 'localhost', 'must be IP:port'],
  [{ healthzBindAddress: 'localhost:80' }, 'HealthzBindAddress', 'localhost', 'must be a valid IP'],
  [{ metricsBindAddress: '127.0.0.1:0' }, 'MetricsBindAddress', '0', 'must be a valid port'],
  [{ metricsBindAddress: '[::1]:65536' }, 'MetricsBindAddress', '65536', 'must be a valid port'],
  [
    { clusterCIDR: '192.168.59.0' },
    'ClusterCIDR',
    '192.168.59.0',
    'must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)',
  ],
  [
    { clusterCIDR: '10.0.0.0/8,fd00::/64,10.0.0.0/16' },
    'ClusterCIDR',
    '10.0.0.0/8,fd00::/64,10.0.0.0/16',
    `only one CIDR allowed or a valid ${dualStack}`,
  ],
  [
    { clusterCIDR: '10.0.0.0/8,192.168.0.0/16' },
    'ClusterCIDR',
    '10.0.0.0/8,192.168.0.0/16',
    `must be a valid ${dualStack}`,
  ],
  [{ configSyncPeriod: '-1s' }, 'ConfigSyncPeriod', '-1s', 'must be greater than 0'],
  [{ oomScoreAdj: -1001 }, 'OOMScoreAdj', -1001, 'must be within the range [-1000, 1000]'],
  [{ iptables: { masqueradeBit: 32 } }, 'IPTables.MasqueradeBit', 32, 'must be within the range [0, 31]'],
  [{ nftables: { masqueradeBit: -10 } }, 'NFTables.MasqueradeBit', -10, 'must be within the range [0, 31]'],
  [{ iptables: { syncPeriod: '-5s' } }, 'IPTables.SyncPeriod', '-5s', 'must be greater than 0'],
  [{ nftables: { minSyncPeriod: '-1s' } }, 'NFTables.MinSyncPeriod', '-1s', atLeast0],
  [
    { iptables: { syncPeriod: '1s', minSyncPeriod: '5s' } },
    'IPTables.SyncPeriod',
    '1s',
    'must be greater than or equal to KubeProxyConfiguration.IPTables.MinSyncPeriod',
  ],
  [{ ipvs: { tcpFinTimeout: '-1s' } }, 'IPVS.TCPFinTimeout', '-1s', atLeast0],
  [{ ipvs: { udpTimeout: '-1s' } }, 'IPVS.UDPTimeout', '-1s', atLeast0],
  [
    { ipvs: { excludeCIDRs: ['10.0.0.0/8', '10.0.0.1'] } },
    'IPVS.ExcludeCIDRs[1]',
    '10.0.0.1',
    'must be a valid CIDR (as in 10.244.0.0/16)',
  ],
  [{ conntrack: { maxPerCore: -1 } }, 'Conntrack.MaxPerCore', -1, atLeast0],
  [{ conntrack: { min: -1 } }, 'Conntrack.Min', -1, atLeast0],
  [{ conntrack: { tcpCloseWaitTimeout: '-5s' } }, 'Conntrack.TCPCloseWaitTimeout', '-5s', atLeast0],
  [{ conntrack: { udpStreamTimeout: '-5s' } }, 'Conntrack.UDPStreamTimeout', '-5s', atLeast0],
  [{ clientConnection: { burst: -5 } }, 'ClientConnection.Burst', -5, atLeast0],
  [
    { detectLocalMode: 'Guess' },
    'DetectLocalMode',
    'Guess',
    'must be BridgeInterface,ClusterCIDR,InterfaceNamePrefix,NodeCIDR or blank (blank means ClusterCIDR)',
  ],
  [{ detectLocalMode: 'BridgeInterface' }, 'DetectLocal.BridgeInterface', '', 'must not be empty'],
  [{ detectLocalMode: 'InterfaceNamePrefix' }, 'DetectLocal.InterfaceNamePrefix', '', 'must not be empty'],
  [
    { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'cni0 -j DROP' } },
    'DetectLocal.BridgeInterface',
    'cni0 -j DROP',
    'must be a name of at most 15 characters without blanks, quotes and slashes',
  ],
  [
    { nodePortAddresses: ['eth0'] },
    'NodePortAddresses[0]',
    'eth0',
    'must be a valid CIDR (as in 10.244.0.0/16)',
  ],
  [
    { nodePortAddresses: ['10.0.0.0/8', 'primary'] },
    'NodePortAddresses',
    ['10.0.0.0/8', 'primary'],
    'can\'t use both "primary" and CIDRs',
  ],
])('%j is refused in the words of kube-proxy', (file, path, value, why) => {
  const message = `KubeProxyConfiguration.${path}: Invalid value: ${JSON.stringify(value)}: ${why}`;
  expect(() => proxyConfiguration(file)).toThrow(new ConfigurationError([message]));
});

test('all that is wrong is said at once', () => {
  expect(() => proxyConfiguration({ mode: 'x', oomScoreAdj: 5000 })).toThrow(
    /^\[KubeProxyConfiguration\.Mode: .*, KubeProxyConfiguration\.OOMScoreAdj: Invalid value: 5000: .*\]$/,
  );
});

test.each([
  [{}, '0.0.0.0:10256', '127.0.0.1:10249'],
  [{ bindAddress: '192.0.2.1' }, '0.0.0.0:10256', '127.0.0.1:10249'],
  [{ bindAddress: 'fd00::1' }, '[::]:10256', '[::1]:10249'],
  [{ healthzBindAddress: '192.0.2.1', metricsBindAddress: '::' }, '192.0.2.1:10256', '[::]:10249'],
  [
    { healthzBindAddress: '[fd00::1]:80', metricsBindAddress: '192.0.2.1:81' },
    '[fd00::1]:80',
    '192.0.2.1:81',
  ],
])('where %j is served', (file, healthz, metrics) => {
  const { healthzBindAddress, metricsBindAddress } = proxyConfiguration(file);
  expect([healthzBindAddress, metricsBindAddress]).toEqual([healthz, metrics]);
});

test('feature gates are true or false; one of them counts', () => {
  const gates = (featureGates: unknown) => proxyConfiguration({ featureGates }).featureGates;
  expect(gates({})).toEqual({ preferSameNode: false });
  expect(gates({ PreferSameTrafficDistribution: true, AllAlpha: false })).toEqual({ preferSameNode: true });
  expect(() => gates({ AllAlpha: 'yes' })).toThrow(
    'featureGates: {"AllAlpha":"yes"} is not a map of true and false',
  );
});
