import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/types.ts';
import { expand, fieldValue, serviceEnvironment } from './environment.ts';
import { fqdnOf, hostnameOf, hostsFile, kernelHostname } from './hosts.ts';
import { resolvConf, resolvConfWarnings } from './resolv-conf.ts';
import { resourceValue } from './resource-field.ts';

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
    const without = { ...settings, clusterDns: [] };
    expect(resolvConf(pod(), without)).toBe(node);
    expect(resolvConfWarnings(pod(), without)).toEqual([
      { reason: 'MissingClusterDNS', message: expect.stringMatching(/^pod: "web-1_shop\(.*Falling back to/) },
    ]);
    expect(resolvConfWarnings(pod({ dnsPolicy: 'Default' }), without)).toEqual([]);
  });

  it('takes a search name of the node without its last dot, and once', () => {
    const nodeResolvConf = 'search corp.example. cluster.local. .\n';
    expect(resolvConf(pod(), { ...settings, nodeResolvConf })).toMatch(
      /^search shop\.svc\.cluster\.local svc\.cluster\.local cluster\.local corp\.example\n/,
    );
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

  it('leaves out what a resolver would not take, and says so', () => {
    expect(resolvConfWarnings(pod(), settings)).toEqual([]);
    const dnsConfig = {
      nameservers: ['1.1.1.1', '1.1.1.2', '1.1.1.3'],
      searches: Array.from({ length: 30 }, (_, index) => `s${index}.example`),
    };
    expect(resolvConf(pod({ dnsConfig }), settings)).toMatch(
      / s27\.example\nnameserver 10\.96\.0\.10\nnameserver 1\.1\.1\.1\nnameserver 1\.1\.1\.2\noptions/,
    );
    const reason = 'DNSConfigForming';
    expect(resolvConfWarnings(pod({ dnsConfig }), settings)).toEqual([
      {
        reason,
        message:
          'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 1.1.1.1 1.1.1.2',
      },
      { reason, message: expect.stringMatching(/^Search Line limits were exceeded, .* s27\.example$/) },
    ]);
    const long = { searches: [`${'a'.repeat(254)}`, 'b.example'] };
    expect(resolvConf(pod({ dnsConfig: long }), settings)).toContain(
      'cluster.local corp.example b.example\n',
    );
    expect(resolvConfWarnings(pod({ dnsConfig: long }), settings)).toHaveLength(1);
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

  it('says what the kernel is told', () => {
    const named = { hostname: 'db', subdomain: 'data', setHostnameAsFQDN: true };
    expect(kernelHostname(pod(), 'worker', 'cluster.local')).toBe('web-1');
    expect(kernelHostname(pod({ hostNetwork: true }), 'worker', 'cluster.local')).toBe('worker');
    expect(kernelHostname(pod(named), 'worker', 'cluster.local')).toBe('db.data.shop.svc.cluster.local');
    expect(() => kernelHostname(pod(named), 'worker', `${'a'.repeat(50)}.local`)).toThrow(
      /FQDN db\.data\.shop\.svc\.a+\.local is too long \(64 characters is the max, 73 characters requested\)/,
    );
  });

  it("adds aliases to the node's own with hostNetwork", () => {
    const host = pod({ hostNetwork: true, hostAliases: [{ ip: '1.2.3.4', hostnames: ['a'] }] });
    expect(hostsFile(host, ['172.18.0.2'], 'cluster.local', () => '127.0.0.1 localhost\n')).toBe(
      '# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n\n# Entries added by HostAliases.\n1.2.3.4\ta\n',
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
    const place = {
      nodeName: 'worker',
      hostIps: ['172.18.0.3'],
      podIps: ['10.244.1.2', 'fd00::2'],
      hostDir: '/h',
    };
    expect(fieldValue(pod(), "metadata.labels['app']", place)).toBe('web');
    expect(fieldValue(pod(), 'metadata.labels', place)).toBe('app="web"\nb="x\\"y"');
    expect(fieldValue(pod(), 'status.podIPs', place)).toBe('10.244.1.2,fd00::2');
    expect(fieldValue(pod(), 'spec.nonesuch', place)).toBeUndefined();
  });

  it('reads resources, divided and rounded up', () => {
    const limited = {
      name: 'main',
      resources: { limits: { cpu: '1500m', memory: '100Mi' }, requests: { cpu: '0.3' } },
    };
    const value = (resource: string, divisor?: string, containerName?: string) =>
      resourceValue(
        pod({ containers: [limited] }),
        { resource, ...(divisor ? { divisor } : {}), ...(containerName ? { containerName } : {}) },
        containerName ? undefined : limited,
      );
    expect(value('limits.cpu')).toBe('2');
    expect(value('requests.cpu', '1m')).toBe('300');
    expect(value('limits.memory', '1Mi', 'main')).toBe('100');
    expect(value('requests.memory')).toBe('0');
    expect(Number(value('limits.ephemeral-storage'))).toBe(0);
    expect(Number(resourceValue(pod(), { resource: 'limits.cpu' }, { name: 'free' }))).toBeGreaterThan(0);
    expect(value('limits.nonesuch')).toBeUndefined();
    expect(value('limits.cpu', '1', 'other')).toBeUndefined();
  });
});
