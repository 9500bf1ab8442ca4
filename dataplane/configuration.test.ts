import { expect, test } from 'vitest';
import { proxyConfiguration } from './configuration.ts';

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
  [{ mode: 'userspace' }, 'mode: "userspace" is none of iptables, ipvs, nftables'],
  [{ clusterCIDR: '10.0.0.0' }, 'clusterCIDR: "10.0.0.0" is not a CIDR (as in 10.244.0.0/16)'],
  [{ nodePortAddresses: ['eth0'] }, 'nodePortAddresses: "eth0" is not a CIDR (as in 10.244.0.0/16)'],
  [{ nodePortAddresses: '10.0.0.0/8' }, 'nodePortAddresses: "10.0.0.0/8" is not a list of strings'],
  [{ iptables: { masqueradeBit: 32 } }, 'iptables.masqueradeBit: 32 is not in the range 0 to 31'],
  [{ iptables: { masqueradeAll: 'yes' } }, 'iptables.masqueradeAll: "yes" is not a boolean'],
  [{ iptables: { syncPeriod: '30' } }, 'iptables.syncPeriod: "30" is not a duration (as in 30s or 1m30s)'],
  [
    { detectLocalMode: 'BridgeInterface' },
    'detectLocal.bridgeInterface: required with detectLocalMode BridgeInterface',
  ],
  [{ iptables: [] }, 'iptables: [] is not an object'],
])('%j is refused', (file, message) => {
  expect(() => proxyConfiguration(file)).toThrow(`KubeProxyConfiguration: ${message}`);
});

test('feature gates are true or false; one of them counts', () => {
  const gates = (featureGates: unknown) => proxyConfiguration({ featureGates }).featureGates;
  expect(gates({})).toEqual({ preferSameNode: false });
  expect(gates({ PreferSameTrafficDistribution: true, AllAlpha: false })).toEqual({ preferSameNode: true });
  expect(() => gates({ AllAlpha: 'yes' })).toThrow(
    'featureGates: {"AllAlpha":"yes"} is not a map of true and false',
  );
});
