import { expect, test } from 'vitest';
import { parseKubeletConfiguration } from './read.ts';

const head = 'kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\n';
const parse = (text: string) => parseKubeletConfiguration(text, 'kubelet.config');

test('the file of article 003, with the dot at the end of the domain', () => {
  const text = `
kind: KubeletConfiguration
apiVersion: kubelet.config.k8s.io/v1beta1
address: 192.168.186.141
port: 10250
readOnlyPort: 10255
cgroupDriver: cgroupfs
clusterDNS:
- 10.0.0.2     # a comment
clusterDomain: cluster.local.
failSwapOn: false
authentication:
  anonymous:
    enabled: true
`;
  expect(parse(text)).toEqual({ clusterDns: ['10.0.0.2'], clusterDomain: 'cluster.local.', anonymous: true });
});

test("kubeadm's file", () => {
  const text = `apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
  webhook:
    cacheTTL: 0s
    enabled: true
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
authorization:
  mode: Webhook
  webhook:
    cacheAuthorizedTTL: 30s
    cacheUnauthorizedTTL: 0s
cgroupDriver: systemd
clusterDNS:
- 10.96.0.10
clusterDomain: cluster.local
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cpuManagerReconcilePeriod: 0s
crashLoopBackOff: {}
evictionPressureTransitionPeriod: 0s
fileCheckFrequency: 0s
healthzBindAddress: 127.0.0.1
healthzPort: 10248
httpCheckFrequency: 0s
imageMaximumGCAge: 0s
imageMinimumGCAge: 0s
kind: KubeletConfiguration
logging:
  flushFrequency: 0
  options:
    json:
      infoBufferSize: "0"
memorySwap: {}
nodeStatusReportFrequency: 0s
nodeStatusUpdateFrequency: 0s
resolvConf: /run/systemd/resolve/resolv.conf
rotateCertificates: true
runtimeRequestTimeout: 0s
shutdownGracePeriod: 0s
staticPodPath: /etc/kubernetes/manifests
`;
  expect(parse(text)).toEqual({
    anonymous: false,
    allowedFor: 30_000,
    deniedFor: 0,
    clusterDns: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    healthz: { host: '127.0.0.1', port: 10248 },
    resolvConf: '/run/systemd/resolve/resolv.conf',
    rotateCertificates: true,
    staticPodPath: '/etc/kubernetes/manifests',
  });
});

test('JSON, and what is null or empty', () => {
  const json = {
    kind: 'KubeletConfiguration',
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    maxPods: 30,
    podPidsLimit: -1,
    clusterDNS: [],
    resolvConf: '',
    authorization: { mode: 'AlwaysAllow' },
    authentication: null,
    enableServer: false,
    serverTLSBootstrap: true,
  };
  expect(parse(JSON.stringify(json))).toEqual({
    maxPods: 30,
    resolvConf: '',
    alwaysAllow: true,
    enableServer: false,
    serverTlsBootstrap: true,
  });
});

test.each([
  ['clusterDNs: []', 'kubelet.config:3: strict decoding error: unknown field "clusterDNs"'],
  [
    'authentication:\n  anonymous:\n    enable: true',
    'kubelet.config:5: strict decoding error: unknown field "authentication.anonymous.enable"',
  ],
  ['constructor: 1', 'kubelet.config:3: strict decoding error: unknown field "constructor"'],
  ['maxPods: 1\nmaxPods: 2', 'kubelet.config:4: Map keys must be unique'],
  ['maxPods: many', 'kubelet.config:3: maxPods: "many" is not a number'],
  ['maxPods: -1', 'kubelet.config:3: invalid configuration: maxPods -1 must be a non-negative integer'],
  ['syncFrequency: 1', 'kubelet.config:3: syncFrequency: 1 is not a duration (as in 30s or 1m30s)'],
  ['clusterDNS: 10.0.0.2', 'kubelet.config:3: clusterDNS: "10.0.0.2" is not a list of strings'],
  [
    'clusterDNS:\n- dns',
    'kubelet.config:4: invalid configuration: clusterDNS has "dns", which is no IP address',
  ],
  [
    'authorization:\n  mode: None',
    'kubelet.config:4: invalid configuration: authorization.mode "None" must be AlwaysAllow or Webhook',
  ],
  ['authorization: Webhook', 'kubelet.config:3: authorization is no map of fields'],
  ['featureGates:\n  A: yes please', 'is not a map of true and false'],
])('%j is refused', (text, message) => {
  expect(() => parse(head + text)).toThrow(message);
});

test('another kind is none', () => {
  expect(() => parse('kind: Config\napiVersion: v1\n')).toThrow(
    'kubelet.config:1: no kind "KubeletConfiguration" of "kubelet.config.k8s.io/v1beta1", but "v1" "Config"',
  );
  expect(() => parse('')).toThrow('no kind "KubeletConfiguration"');
});
