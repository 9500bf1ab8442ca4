import { expect, it } from 'vitest';
import type { Deployment, Pod } from '../api/types.ts';
import { startCluster } from './cluster.ts';

const pod = (name: string, dnsPolicy: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    dnsPolicy,
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10' }],
  },
});

/** Asks for the name servers of the root, and prints the answer's RCODE; dies where none comes in five seconds. */
const ask = `
use IO::Socket::IP;
my $socket = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => 53, Type => SOCK_DGRAM) or die "$@\\n";
alarm 5;
send $socket, pack('n6 C n2', 7, 0x100, 1, 0, 0, 0, 0, 2, 1), 0;
recv $socket, my $answer, 4096, 0;
my ($id, $flags) = unpack 'n2', $answer;
print $id, ' ', $flags & 15;
`;

it('pods of IPv6 alone resolve names of the cluster, and ask the name servers of the machine', async () => {
  await using cluster = await startCluster({
    name: 'ipv6-names',
    nodes: 2,
    podCidr: 'fd00:10:244::/56',
    serviceCidr: 'fd00:10:96::/112',
  });
  await cluster.apply([pod('inside', 'ClusterFirst'), pod('default', 'Default')]);
  await cluster.waitFor('pods', 'Ready');
  await cluster.waitFor<Deployment>('deployment/coredns', 'Available', { namespace: 'kube-system' });
  const run = async (name: string, ...command: string[]) => (await cluster.pod(name).exec(command)).stdout;
  expect(await run('inside', 'cat', '/etc/resolv.conf')).toContain('nameserver fd00:10:96::a\n');
  // The rules of nodes follow the pod of CoreDNS.
  const resolved = 'for i in $(seq 100); do getent hosts kubernetes && exit; sleep 0.1; done; exit 1';
  expect(await run('inside', 'sh', '-c', resolved)).toMatch(/^fd00:10:96::1 /);
  expect(await run('default', 'cat', '/etc/resolv.conf')).toContain('nameserver fd00:172:18::1\n');
  // Whatever the answer is, SERVFAIL where the machine has no name server, it comes: from the relay and through CoreDNS.
  expect(await run('default', 'perl', '-e', ask, 'fd00:172:18::1')).toMatch(/^7 \d$/);
  expect(await run('inside', 'perl', '-e', ask, 'fd00:10:96::a')).toMatch(/^7 \d$/);
});
