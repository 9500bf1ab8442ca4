import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../kernel/package-root.ts';
import { removalOf } from './machine-reset.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-machines-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Two machines as far as networks go: namespaces with a link between them, in a place of their own that ends with the
 * script. `on MACHINE COMMAND` runs a command on one; `look MACHINE` tells what a node could leave there.
 */
const machines = `
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/mount
: > /run/xtables.lock
for n in 1 2; do ip netns add m$n; mkdir -p $FOLDER/m$n/vethernetes; done
ip link add eth0 netns m1 type veth peer name eth0 netns m2
for n in 1 2; do
  ip -n m$n link set lo up
  ip -n m$n addr add 10.99.0.$n/24 dev eth0
  ip -n m$n link set eth0 up
done
on() { machine=$1; shift; ip netns exec $machine env XDG_STATE_HOME=$FOLDER/$machine "$@"; }
v9s() { machine=$1; shift; on $machine $NODE ${packageRoot}/dist/v9s.js "$@"; }
look() {
  on $1 ip -brief link | cut -d' ' -f1
  on $1 ip route
  on $1 iptables-save | grep '^-' || :
  on $1 ip6tables-save | grep '^-' || :
  on $1 nft list tables | grep -v '^table ip6\\? \\(nat\\|filter\\|mangle\\|raw\\)$' || :
  on $1 sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter net.ipv4.conf.default.rp_filter
  cut -d' ' -f2,3 /proc/mounts
  find /run $FOLDER/$1 | sort
}
`;

/** Runs it; standard output by its lines `== NAME`. */
function play(script: string): Record<string, string> {
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const flags = [...asRoot, '--mount', '--uts', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const { status, stdout, stderr } = spawnSync('unshare', [...flags, 'sh', '-euc', machines + script], {
    encoding: 'utf8',
    env: { ...process.env, FOLDER: folder, NODE: process.execPath },
  });
  expect(status, stdout + stderr).toBe(0);
  return Object.fromEntries(stdout.split(/^== /m).map((part) => part.split(/\n([\s\S]*)/)));
}

it('one machine begins a cluster, another joins it with its own interface, and its reset leaves nothing', () => {
  const said = play(`
echo == before; look m2
echo == init; v9s m1 init --host --node-name d2 --apiserver-advertise-address 10.99.0.1
join=$(v9s m1 token create --print-join-command | sed 's/^v9s //')
echo == wrong; v9s m2 $(echo $join | sed 's/[.][a-z0-9]* /.0000000000000000 /') --node-name v1 2>&1 && exit 1
echo == unchanged; look m2
echo == twice; v9s m1 $join --node-name v1 2>&1 && exit 1
echo == join; v9s m2 $join --node-name v1
echo == pods; on m1 $NODE ${packageRoot}/cluster/kubeadm/testing/pods-on.ts d2 v1
echo == again; v9s m2 down; v9s m2 up; on m1 $NODE ${packageRoot}/dist/v9s.js exec pod/on-d2 -- ping -c1 -W5 10.244.1.1
echo == route; on m1 ip route
echo == reset; v9s m2 reset --host
echo == after; look m2
echo == end; v9s m1 reset --host
`);
  expect(said.init).toMatch(
    /v9s join 10\.99\.0\.1:6443 --host --token \S+ --discovery-token-ca-cert-hash \S+/,
  );
  expect(said.wrong).toMatch(/failed to verify the JWS signature/);
  expect(said.unchanged).toBe(said.before);
  expect(said.twice).toContain('this machine has joined or begun a cluster called v9s already');
  expect(said.join).toContain('This node has joined the cluster: v1');
  expect(JSON.parse(said.pods ?? '')).toEqual({
    addresses: [expect.stringMatching(/^10\.244\.0\./), expect.stringMatching(/^10\.244\.1\./)],
    nodes: [
      ['d2', '10.99.0.1'],
      ['v1', '10.99.0.2'],
    ],
    ping: 0,
    logs: 'up\n',
  });
  expect(said.again).toMatch(/Cluster v9s is down[\s\S]*Ready in [\s\S]* 0% packet loss/);
  expect(said.route).toContain('10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink');
  expect(said.after).toBe(said.before);
});

it('takes out its own chains, and the rules of others that lead to them', () => {
  const saved = `# Generated
*nat
:POSTROUTING ACCEPT [0:0]
:FLANNEL-POSTRTG - [0:0]
:MINE - [0:0]
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
-A POSTROUTING -s 10.0.0.0/8 -j MINE
-A FLANNEL-POSTRTG -j RETURN
COMMIT
*filter
:INPUT ACCEPT [0:0]
-A INPUT -j ACCEPT
COMMIT
`;
  expect(removalOf(saved)).toBe(`*nat
-D POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
-F FLANNEL-POSTRTG
-X FLANNEL-POSTRTG
COMMIT
`);
  expect(removalOf(saved.replaceAll('FLANNEL', 'OTHER'))).toBe('');
});
