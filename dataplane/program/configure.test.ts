import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parseFlags } from '../flags/parse.ts';
import { configure } from './configure.ts';

const folder = mkdtempSync(join(tmpdir(), 'v9s-kube-proxy-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, 'config.conf');
  writeFileSync(path, text);
  return path;
}

const kubeadm = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection:
  kubeconfig: /var/lib/kube-proxy/kubeconfig.conf
  qps: 0
clusterCIDR: 10.244.0.0/16
healthzBindAddress: ""
hostnameOverride: ""
iptables:
  masqueradeBit: 15
  syncPeriod: 0s
mode: nftables
`;

test('flags go before the file, field by field', async () => {
  const { configuration, kubeconfig, nodeName, serve } = await configure(
    parseFlags([
      `--config=${file(kubeadm)}`,
      '--proxy-mode=iptables',
      '--masquerade-all',
      '--hostname-override=Worker',
    ]),
  );
  expect(configuration).toMatchObject({
    mode: 'iptables',
    clusterCIDR: '10.244.0.0/16',
    iptables: { masqueradeBit: 15, masqueradeAll: true },
  });
  expect(kubeconfig).toBe('/var/lib/kube-proxy/kubeconfig.conf');
  expect(nodeName).toBe('worker');
  expect(serve).toEqual(['services', 'healthz', 'metrics']);
});

test.each([
  [['--healthz-bind-address=', '--metrics-port=0'], ['services'], {}],
  [['--healthz-port=0'], ['services', 'metrics'], {}],
  // Rows of upstream's TestAddressFromDeprecatedFlags.
  [
    [
      ...['--healthz-bind-address=1.2.3.4', '--healthz-port=12345'],
      ...['--metrics-bind-address=fd00:1::6', '--metrics-port=23456'],
    ],
    ['services', 'healthz', 'metrics'],
    { healthzBindAddress: '1.2.3.4:12345', metricsBindAddress: '[fd00:1::6]:23456' },
  ],
  [
    [
      ...['--healthz-bind-address=1.2.3.4:12345', '--healthz-port=23456'],
      ...['--metrics-bind-address=[fd00:1::6]:56789', '--metrics-port=23456'],
    ],
    ['services', 'healthz', 'metrics'],
    { healthzBindAddress: '1.2.3.4:12345', metricsBindAddress: '[fd00:1::6]:56789' },
  ],
  [['--healthz-port=9999'], ['services', 'healthz', 'metrics'], { healthzBindAddress: '0.0.0.0:9999' }],
  [
    ['--metrics-bind-address=10.0.0.1', '--healthz-bind-address=::1'],
    ['services', 'healthz', 'metrics'],
    { metricsBindAddress: '10.0.0.1:10249', healthzBindAddress: '[::1]:10256' },
  ],
])('%j', async (args, servers, addresses) => {
  const { serve, configuration } = await configure(parseFlags(args));
  expect(serve).toEqual(servers);
  expect(configuration).toMatchObject(addresses);
});

test('a file that is not there is an error that names it', async () => {
  await expect(configure(parseFlags(['--config=/nonexistent/kube-proxy.conf']))).rejects.toThrow(
    '/nonexistent/kube-proxy.conf',
  );
});
