import { join } from 'node:path';
import { cacheFolder, readIfThere, writeWhole } from './cache.mjs';
import { BootstrapError } from './report.mjs';
import { start } from './start.mjs';

/**
 * The smallest lab that uses everything a cluster needs. Each step names itself before it is tried, so the
 * last name printed is what failed. Nothing of it stays: the namespaces end with the shell.
 */
const trial = `
set -e
step() { echo "step $1"; }
step mounts;   mount -t tmpfs tmpfs /run
step netns;    ip netns add trial
step veth;     ip link add v0 type veth peer name v1
step bridge;   ip link add b0 type bridge
step vxlan;    ip link add x0 type vxlan id 1 local 127.0.0.1 dstport 8472 nolearning
step iptables; iptables -w -t nat -A POSTROUTING -m comment --comment trial -m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully
               iptables -w -t nat -A OUTPUT -p tcp -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.0.0.1:80
step overlay;  mkdir /run/lower /run/upper /run/work /run/merged
               mount -t overlay -o userxattr,lowerdir=/run/lower,upperdir=/run/upper,workdir=/run/work overlay /run/merged
step done
`;

const namespaces = '--user --map-root-user --mount --net --pid --fork --kill-child --mount-proc'.split(' ');

/** Checks once a boot, by trying, that this kernel lets this user have what a cluster is made of. */
export async function ensureKernel() {
  const stamp = join(cacheFolder(), `kernel-ok-${process.getuid?.()}`);
  const boot = readIfThere('/proc/sys/kernel/random/boot_id');
  if (readIfThere(stamp) === boot) return;
  const { output } = await start('unshare', [...namespaces, 'sh', '-c', trial], { capture: true });
  const reached = [...output.matchAll(/^step (\w+)$/gm)].at(-1)?.[1] ?? 'namespaces';
  if (reached === 'done') return writeWhole(stamp, boot ?? '');
  const said = output.split('\n').filter((line) => line && !line.startsWith('step '));
  throw new BootstrapError(lacks(reached), [...said.slice(-2), ...remedies(reached)]);
}

function lacks(step) {
  const texts = {
    namespaces:
      'this kernel or container does not let you make the namespaces that a cluster lives in (unshare)',
    mounts: 'mounts inside a new user namespace are refused',
    netns: 'network namespaces cannot be made (ip netns add)',
  };
  return texts[step] ?? `this kernel has no ${step}, or refuses it inside a user namespace`;
}

/** Switches that distributions have for user namespaces, each with the value that closes them. */
const switches = [
  { sysctl: 'kernel.apparmor_restrict_unprivileged_userns', closed: '1', open: '0' },
  { sysctl: 'kernel.unprivileged_userns_clone', closed: '0', open: '1' },
  { sysctl: 'user.max_user_namespaces', closed: '0', open: '16384' },
];

const modules = {
  veth: 'veth',
  bridge: 'bridge',
  vxlan: 'vxlan',
  iptables: 'nf_tables nft_compat xt_MASQUERADE xt_statistic xt_mark xt_comment',
  overlay: 'overlay',
};

function remedies(step) {
  const shut = switches.filter(({ sysctl, closed }) => setting(sysctl) === closed);
  if (shut.length > 0)
    return [`Run: sudo sysctl -w ${shut.map(({ sysctl, open }) => `${sysctl}=${open}`).join(' ')}`];
  if (modules[step]) return [`Run: sudo modprobe -a ${modules[step]}`];
  return [
    'In a container, start it with --privileged, or with --security-opt seccomp=unconfined',
    '--security-opt apparmor=unconfined --security-opt systempaths=unconfined; otherwise use a virtual machine (Vagrantfile).',
  ];
}

const setting = (sysctl) => readIfThere(`/proc/sys/${sysctl.replaceAll('.', '/')}`)?.trim();
