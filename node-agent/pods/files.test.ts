import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/types.ts';
import { expand, fieldValue, serviceEnvironment } from './environment.ts';
import { fqdnOf, hostnameOf, hostsFile } from './hosts.ts';
import { resolvConf } from './resolv-conf.ts';

const pod = (spec: Partial<NonNullable<Pod['spec']>> = {}): Pod => ({
  metadata: { name: 'web-1', namespace: 'shop', uid: 'u', labels: { app: 'web', b: 'x"y' } },
  spec: { containers: [], ...spec },
});
const settings = {
  clusterDns: ['10.96.0.10'],
  clusterDomain: 'cluster.local',
  nodeResolvConf: '# made\nsearch corp.example\nnameserver 172.18.0.1\noptions timeout:1\n',
};

describe('resolvConf', () => {
  it('asks the cluster first', () => {
    expect(resolvConf(pod(), settings)).toBe(
      'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
  });

  it("takes the node's with Default, and with hostNetwork unless asked otherwise", () => {
    const node = 'search corp.example\nnameserver 172.18.0.1\noptions timeout:1\n';
    expect(resolvConf(pod({ dnsPolicy: 'Default' }), settings)).toBe(node);
    expect(resolvConf(pod({ hostNetwork: true }), settings)).toBe(node);
    expect(resolvConf(pod({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }), settings)).toContain(
      'nameserver 10.96.0.10\n',
    );
    expect(resolvConf(pod(), { ...settings, clusterDns: [] })).toBe(node);
  });

  it('lets dnsConfig add and override', () => {
    const dnsConfig = {
      nameservers: ['1.1.1.1'],
      searches: ['a.example'],
      options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
    };
    expect(resolvConf(pod({ dnsPolicy: 'None', dnsConfig }), settings)).toBe(
      'search a.example\nnameserver 1.1.1.1\noptions ndots:2 edns0\n',
    );
    expect(resolvConf(pod({ dnsConfig }), settings)).toContain('options ndots:2 edns0\n');
  });
});

describe('hosts', () => {
  it('names the pod, by its FQDN with a subdomain', () => {
    expect(hostsFile(pod(), ['10.244.1.2'], 'cluster.local')).toMatch(/\n10\.244\.1\.2\tweb-1\n$/);
    const named = pod({
      hostname: 'db',
      subdomain: 'data',
      hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }],
    });
    expect(fqdnOf(named, 'cluster.local')).toBe('db.data.shop.svc.cluster.local');
    expect(hostsFile(named, ['10.244.1.2'], 'cluster.local')).toMatch(
      /10\.244\.1\.2\tdb\.data\.shop\.svc\.cluster\.local\tdb\n\n# Entries added by HostAliases\.\n1\.2\.3\.4\ta\tb\n$/,
    );
  });

  it('cuts a long name to what the kernel takes', () => {
    const long = { metadata: { name: `${'a'.repeat(62)}-bcd` } };
    expect(hostnameOf(long)).toBe('a'.repeat(62));
  });
});

describe('environment', () => {
  const services = [
    {
      metadata: { name: 'redis-primary', namespace: 'shop' },
      spec: { clusterIP: '10.0.0.11', ports: [{ port: 6379, name: 'main' }] },
    },
    {
      metadata: { name: 'other', namespace: 'else' },
      spec: { clusterIP: '10.0.0.12', ports: [{ port: 1 }] },
    },
    { metadata: { name: 'headless', namespace: 'shop' }, spec: { clusterIP: 'None', ports: [{ port: 1 }] } },
    {
      metadata: { name: 'kubernetes', namespace: 'default' },
      spec: { clusterIP: '10.96.0.1', ports: [{ port: 443, name: 'https' }] },
    },
  ];

  it('has the variables that Docker links had', () => {
    const environment = serviceEnvironment(pod(), services);
    expect(environment).toMatchObject({
      REDIS_PRIMARY_SERVICE_HOST: '10.0.0.11',
      REDIS_PRIMARY_SERVICE_PORT: '6379',
      REDIS_PRIMARY_SERVICE_PORT_MAIN: '6379',
      REDIS_PRIMARY_PORT: 'tcp://10.0.0.11:6379',
      REDIS_PRIMARY_PORT_6379_TCP_ADDR: '10.0.0.11',
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
    });
    expect(Object.keys(environment).some((name) => /OTHER|HEADLESS/.test(name))).toBe(false);
    const alone = Object.keys(serviceEnvironment(pod({ enableServiceLinks: false }), services));
    expect(alone.filter((name) => !name.startsWith('KUBERNETES_'))).toEqual([]);
    expect(alone).toContain('KUBERNETES_SERVICE_PORT_HTTPS');
  });

  it('expands references and leaves unknown ones', () => {
    expect(expand('$(A)-$(B)-$$(A)-$X', { A: '1' })).toBe('1-$(B)-$(A)-$X');
  });

  it('reads the downward API', () => {
    const place = { nodeName: 'worker', hostIps: ['172.18.0.3'], podIps: ['10.244.1.2', 'fd00::2'] };
    expect(fieldValue(pod(), "metadata.labels['app']", place)).toBe('web');
    expect(fieldValue(pod(), 'metadata.labels', place)).toBe('app="web"\nb="x\\"y"');
    expect(fieldValue(pod(), 'status.podIPs', place)).toBe('10.244.1.2,fd00::2');
    expect(fieldValue(pod(), 'spec.nonesuch', place)).toBeUndefined();
  });
});
