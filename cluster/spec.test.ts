import { describe, expect, it } from 'vitest';
import { agreeWithExisting, type ClusterOptions, OptionError, resolveOptions } from './spec.ts';

describe('resolveOptions', () => {
  it('has the defaults that Kubernetes users know', () => {
    const spec = resolveOptions({});
    expect(spec).toMatchObject({
      name: 'v9s',
      podCidrs: ['10.244.0.0/16'],
      serviceCidrs: ['10.96.0.0/12'],
      serviceNodePortRange: '30000-32767',
      clusterDns: ['10.96.0.10'],
      dataplane: 'iptables',
    });
    expect(spec.nodes.map(({ name, address }) => `${name} ${address}`)).toEqual([
      'control-plane 172.18.0.2',
      'worker 172.18.0.3',
    ]);
  });

  it('names any number of nodes', () => {
    const names = resolveOptions({ nodes: 4 }).nodes.map(({ name }) => name);
    expect(names).toEqual(['control-plane', 'worker', 'worker2', 'worker3']);
    expect(resolveOptions({ nodes: 300 }).nodes.at(-1)?.address).toBe('172.18.1.45');
  });

  it('taints the control plane only when asked', () => {
    expect(resolveOptions({}).nodes[0]?.taints).toEqual([]);
    expect(resolveOptions({ taintControlPlane: true }).nodes[0]?.taints).toEqual([
      { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' },
    ]);
  });

  it('names control planes first, which share an etcd', () => {
    const spec = resolveOptions({ controlPlanes: 3, taintControlPlane: true });
    expect(spec.nodes.map(({ name, taints }) => `${name} ${taints.length}`)).toEqual([
      'control-plane 1',
      'control-plane2 1',
      'control-plane3 1',
      'worker 0',
    ]);
    expect(spec.store).toBe('etcd');
    expect(resolveOptions({ controlPlanes: 2, nodes: 4 }).nodes.map(({ name }) => name)).toEqual([
      'control-plane',
      'control-plane2',
      'worker',
      'worker2',
    ]);
    expect(resolveOptions({}).store).toBe('level');
  });

  it('takes an etcd that is there', () => {
    const spec = resolveOptions({
      store: 'etcd=https://192.0.2.1:2379,https://192.0.2.2:2379/',
      etcdPrefix: '/other',
    });
    expect(spec).toMatchObject({
      store: 'etcd',
      etcd: { endpoints: ['https://192.0.2.1:2379', 'https://192.0.2.2:2379'], prefix: '/other', tls: {} },
      egress: true,
    });
  });

  it.each<[ClusterOptions, RegExp]>([
    [{ store: 'sqlite' }, /store: .*"sqlite".*must be "level", "etcd"/],
    [{ store: 'level', controlPlanes: 2 }, /several control planes share an etcd/],
    [{ controlPlanes: 0 }, /control-planes.*from 1 to 9/],
    [{ controlPlanes: 3, nodes: 2 }, /nodes.*from 3 to/],
    [{ store: 'etcd=192.0.2.1:2379' }, /address of a member, such as https/],
    [{ store: 'etcd', etcdCafile: '/x' }, /etcd-cafile.*only for --store etcd=/],
    [{ store: 'etcd=https://192.0.2.1:2379', etcdCafile: '/nowhere' }, /etcd-cafile.*a PEM file/],
  ])('refuses %j', (options, message) => {
    expect(() => resolveOptions(options)).toThrow(message);
  });

  it("takes article 003's addresses", () => {
    const spec = resolveOptions({ serviceCidr: '10.0.0.0/24', clusterDns: 'none' });
    expect(spec).toMatchObject({ serviceCidrs: ['10.0.0.0/24'], clusterDns: [] });
    expect(resolveOptions({ serviceCidr: '10.0.0.0/24', clusterDns: '10.0.0.2' }).clusterDns).toEqual([
      '10.0.0.2',
    ]);
  });

  it('takes a CIDR of each family', () => {
    expect(resolveOptions({ podCidr: '10.1.0.0/16, fd00:1::/48' }).podCidrs).toEqual([
      '10.1.0.0/16',
      'fd00:1::/48',
    ]);
  });

  it.each<[ClusterOptions, string]>([
    [{ name: 'My_Lab' }, 'name: invalid value "My_Lab"'],
    [{ nodes: 0 }, 'nodes: invalid value 0: a whole number from 1 to 1000'],
    [{ nodes: 1.5 }, 'nodes: invalid value 1.5'],
    [{ podCidr: '10.244.0.0' }, 'pod-cidr: invalid value "10.244.0.0": a CIDR such as'],
    [{ podCidr: '10.244.0.0/28' }, 'the prefix must be /24 or shorter'],
    [{ podCidr: '10.1.0.0/16,10.2.0.0/16' }, 'at most one CIDR of each address family'],
    [
      { serviceCidr: '10.244.0.0/20' },
      'service-cidr: invalid value "10.244.0.0/20": must not overlap 10.244.0.0/16',
    ],
    [{ podCidr: '172.18.0.0/16' }, 'must not overlap 172.18.0.0/16'],
    [{ serviceNodePortRange: '40000-30000' }, 'service-node-port-range: invalid value "40000-30000"'],
    [{ serviceNodePortRange: '80' }, 'a range such as 30000-32767'],
    [{ clusterDns: '10.244.0.10' }, 'an address within the service CIDR 10.96.0.0/12, or "none"'],
    [{ apiPort: 70000 }, 'api-port: invalid value 70000'],
    [{ overlay: 'host-gw', directRouting: true }, 'direct-routing: invalid value true: is for overlay vxlan'],
    [
      { overlay: 'udp', podCidr: '10.244.0.0/16,fd00::/48' },
      'overlay: invalid value "udp": carries IPv4 alone',
    ],
    [{ bridge: 'flannel.1' }, 'bridge: invalid value "flannel.1"'],
    [{ bridge: 'longer-than-the-kernel' }, 'a name for a link of at most 15 characters'],
    [{ podCidr: 'fd00:172::/32' }, 'must not overlap'],
  ])('refuses %j', (options, message) => {
    expect(() => resolveOptions(options)).toThrow(OptionError);
    expect(() => resolveOptions(options)).toThrow(message);
  });
});

describe('agreeWithExisting', () => {
  const existing = { ...resolveOptions({ nodes: 3, serviceCidr: '10.0.0.0/24' }), apiPort: 40001 };
  const agree = (options: ClusterOptions) => agreeWithExisting(existing, options, resolveOptions(options));

  it('keeps what was not asked for', () => {
    expect(agree({})).toEqual(existing);
    expect(agree({ nodes: 3 }).nodes).toHaveLength(3);
  });

  it('lets what a new start may change be changed', () => {
    expect(agree({ egress: true, apiPort: 40002 })).toMatchObject({ egress: true, apiPort: 40002 });
  });

  it('refuses what objects depend on', () => {
    expect(() => agree({ serviceCidr: '10.1.0.0/24' })).toThrow(
      'service-cidr: invalid value "10.1.0.0/24": cluster v9s was made with 10.0.0.0/24',
    );
    expect(() => agree({ nodes: 2 })).toThrow('made with 3');
  });
});
