import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { proxyConfiguration } from '../configuration.ts';
import { flagHelp, parseFlags } from './parse.ts';
import { flags } from './table.ts';

test('the command line of an article is taken as it is printed', () => {
  const { configuration, options, warnings } = parseFlags(
    '--logtostderr=true --v=4 --hostname-override=192.168.1.102 --cluster-cidr=10.0.0.0/24 --proxy-mode=ipvs --masquerade-all=true --kubeconfig=/k8s/kubernetes/cfg/kube-proxy.kubeconfig'.split(
      ' ',
    ),
  );
  expect(configuration).toEqual({
    hostnameOverride: '192.168.1.102',
    clusterCIDR: '10.0.0.0/24',
    mode: 'ipvs',
    iptables: { masqueradeAll: true },
    nftables: { masqueradeAll: true },
    clientConnection: { kubeconfig: '/k8s/kubernetes/cfg/kube-proxy.kubeconfig' },
  });
  expect(options).toEqual(
    new Map([
      ['logtostderr', 'true'],
      ['v', '4'],
    ]),
  );
  expect(warnings).toEqual([expect.stringMatching(/^Flag --logtostderr has been deprecated, /)]);
});

test('values may follow, booleans stand alone, underscores are hyphens, the last one wins', () => {
  const { configuration, options } = parseFlags(
    '--proxy-mode ipvs --proxy_mode iptables --cleanup --conntrack-tcp-be-liberal --ipvs-strict-arp=f -v 2'.split(
      ' ',
    ),
  );
  expect(configuration).toEqual({
    mode: 'iptables',
    conntrack: { tcpBeLiberal: true },
    ipvs: { strictARP: false },
  });
  expect([...options]).toEqual([
    ['cleanup', 'true'],
    ['v', '2'],
  ]);
});

test('lists, maps, numbers and durations become what the configuration wants', () => {
  const { configuration } = parseFlags([
    '--nodeport-addresses=10.0.0.0/8,192.168.0.0/16',
    '--feature-gates=A=true,B=false',
    '--oom-score-adj=-999',
    '--kube-api-qps=5.5',
    '--conntrack-udp-timeout=1m30s',
  ]);
  expect(configuration).toEqual({
    nodePortAddresses: ['10.0.0.0/8', '192.168.0.0/16'],
    featureGates: { A: true, B: false },
    oomScoreAdj: -999,
    clientConnection: { qps: 5.5 },
    conntrack: { udpTimeout: '1m30s' },
  });
});

test.each([
  [['--no-such-flag'], 'unknown flag: --no-such-flag'],
  [['-x'], "unknown shorthand flag: 'x' in -x"],
  [['--kubeconfig'], 'flag needs an argument: --kubeconfig'],
  [['worker'], 'unexpected argument "worker"'],
  [['--masquerade-all=maybe'], 'invalid argument "maybe" for "--masquerade-all" flag'],
  [['--oom-score-adj=low'], 'invalid argument "low" for "--oom-score-adj" flag'],
  [['--ipvs-sync-period=30'], 'invalid argument "30" for "--ipvs-sync-period" flag'],
  [['--feature-gates=A'], 'invalid argument "A" for "--feature-gates" flag'],
])('%j is refused', (args, message) => {
  expect(() => parseFlags(args)).toThrow(message);
});

test('every field that a flag sets is one of KubeProxyConfiguration', () => {
  const sample = { bool: 'true', int: '1', float: '1', duration: '1s', list: '', map: '', string: '' };
  const args = flags
    .filter(({ fields }) => fields.length > 0)
    .map(({ name, type }) => `--${name}=${sample[type]}`);
  expect(() => proxyConfiguration(parseFlags(args).configuration)).not.toThrow();
});

test('the help names every flag that is not deprecated', () => {
  const help = flagHelp();
  for (const { name, deprecated } of flags)
    expect(new RegExp(`\\s--?${name}\\s`).test(help), name).toBe(deprecated === undefined);
});

test('the README names every flag', () => {
  const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  for (const { name } of flags) expect(text.includes(`\`--${name}\``), name).toBe(true);
});

test('every flag stands in the table once, in the order of their names', () => {
  const names = flags.filter(({ deprecated }) => deprecated === undefined).map(({ name }) => name);
  expect(names).toEqual([...new Set(names)].sort());
});
