import { expect, test } from 'vitest';
import { rootBatch, setupScript } from './setup.ts';

const nodes = [
  { name: 'worker', address: '172.18.0.2' },
  { name: 'outside', address: '172.18.255.254' },
];

test('interfaces are named by index, since a node name may be longer than IFNAMSIZ', () => {
  const lines = rootBatch([{ name: 'a-node-with-a-name-of-many-letters', address: '172.18.0.2' }]);
  expect(lines).toContain(
    'link add node0 type veth peer name eth0 address 02:12:ac:12:00:02 netns a-node-with-a-name-of-many-letters',
  );
  expect(lines).toContain('link set node0 master underlay alias a-node-with-a-name-of-many-letters up');
});

test('nodes and their gateway forward, the outside does not', () => {
  const script = setupScript({ nodes });
  expect(script.match(/ip_forward/g)).toHaveLength(2);
  expect(script.match(/icmp_ratelimit/g)).toHaveLength(1);
  expect(setupScript({ nodes: nodes.slice(1) }).match(/ip_forward/g)).toHaveLength(1);
});

test("resolv.conf is bound where the host's really is", () => {
  expect(setupScript({ nodes, resolvConf: '/etc/resolv.conf' })).toContain(
    "mount --bind /run/v9s/resolv.conf '/etc/resolv.conf'",
  );
  const resolved = setupScript({ nodes, resolvConf: '/run/systemd/resolve/stub-resolv.conf' });
  expect(resolved).toContain("mkdir -p /run/netns /run/lock /run/v9s/uts '/run/systemd/resolve'");
  expect(resolved).toContain(": > '/run/systemd/resolve/stub-resolv.conf'");
  expect(setupScript({ nodes })).not.toContain('resolv.conf');
});
