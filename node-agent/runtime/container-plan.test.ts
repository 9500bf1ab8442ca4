import { describe, expect, it } from 'vitest';
import { type ContainerSpec, containerPlan } from './container-plan.ts';

const guard = { hidden: ['/proc/keys'], readOnly: ['/proc/irq'], isMachineRoot: false };
const host = { machine: 'x86_64' as const, links: { bin: 'usr/bin', lib64: undefined }, guard };
const spec: ContainerSpec = {
  dir: '/p/containers/web/0',
  logFile: '/p/containers/web/0.log',
  notifyFile: '/exits/u',
  netns: '/run/netns/cni-u',
  namespaces: { dir: '/p/ns', shared: false },
  hostname: 'web-1',
  command: ['/serve', '-x'],
  env: { A: 'b' },
  workingDir: '/',
  binds: [
    { source: '/p/volumes/sa', target: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
  ],
  privileged: false,
};
const steps = (change: Partial<ContainerSpec> = {}) =>
  containerPlan({ ...spec, ...change }, host).map((step) => step.join(' '));

/** Numbers of the capabilities that are taken away. */
const dropped = (change: Partial<ContainerSpec>) =>
  (steps(change).find((step) => step.startsWith('drop ')) ?? 'drop').split(' ').slice(1).map(Number);

describe('containerPlan', () => {
  it('enters the network, makes what the containers share, then the root, and runs the program last', () => {
    const plan = steps();
    const order = [
      'ns /run/netns/cni-u',
      'hold uts /p/ns/uts',
      'hostname web-1',
      'unshare mnt',
      'root /p/containers/web/0/root',
      'env A b',
      'exec /serve -x',
    ].map((step) => plan.indexOf(step));
    expect(order).not.toContain(-1);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(plan.at(-1)).toBe('exec /serve -x');
  });

  it('enters what an earlier container has made', () => {
    const plan = steps({ namespaces: { dir: '/p/ns', shared: true } });
    expect(plan).toContain('ns /p/ns/uts');
    expect(plan.some((step) => /^(hold|hostname)/.test(step))).toBe(false);
  });

  it("stays in the node's network with hostNetwork", () => {
    expect(steps({ netns: undefined }).filter((step) => step.startsWith('ns '))).toEqual([]);
  });

  it('follows the links of the host', () => {
    expect(steps()).toContain('link usr/bin /p/containers/web/0/root/bin');
    expect(steps()).toContain('bind /lib64 /p/containers/web/0/root/lib64 rec,ro');
  });

  it('puts what the kernel provides, and the mounts, over the tree of a loaded image', () => {
    const plan = containerPlan({ ...spec, rootfs: '/images/1/rootfs' }, host).map((step) => step.join(' '));
    const root = `${spec.dir}/root`;
    const overlay = plan.indexOf(`overlay /images/1/rootfs ${root} ${root}.upper`);
    expect(overlay).toBeGreaterThan(0);
    expect(plan.findIndex((step) => step.startsWith(`mount proc ${root}/proc`))).toBeGreaterThan(overlay);
    expect(plan.filter((step) => step.includes(`${root}/usr`) || step.includes(`${root}/etc`))).toEqual([]);
  });

  it('hides of the machine what a container need not see, unless it is privileged', () => {
    const root = `${spec.dir}/root`;
    const guards = (change: Partial<ContainerSpec>, isMachineRoot: boolean) =>
      containerPlan({ ...spec, ...change }, { ...host, guard: { ...guard, isMachineRoot } })
        .map((step) => step.join(' ').replaceAll(root, ''))
        .filter((step) => /^hide|\/proc\/(irq|sys)|^nomounts| \/sys /.test(step));
    const all = [
      'mount sysfs /sys sysfs nosuid,nodev,noexec,ro ',
      'bind /proc/irq /proc/irq ro',
      'bind /proc/sys /proc/sys ro',
      'hide /proc/keys',
    ];
    const plain = guards({}, false).filter((step) => !step.startsWith('sysctl'));
    expect(plain).toEqual(all);
    expect(guards({}, true).filter((step) => !step.startsWith('sysctl'))).toEqual(all);
    expect(guards({ capabilities: { add: ['SYS_ADMIN'] } }, true)).toContain('nomounts');
    expect(guards({ privileged: true }, false).some((step) => /^(hide|bind|nomounts)|,ro/.test(step))).toBe(
      false,
    );
    const guarded = guards({ privileged: true }, true);
    expect(guarded).toContain('bind /proc/irq /proc/irq ro');
    expect(guarded).toContain('mount sysfs /sys sysfs nosuid,nodev,noexec,ro ');
    expect(guarded).toContain('mount none /proc/sys/net  remount,bind,nosuid,nodev,noexec ');
    expect(guarded).toContain('nomounts');
  });

  it('leaves the capabilities that containerd leaves', () => {
    const netAdmin = 12;
    const netRaw = 13;
    expect(dropped({})).toContain(netAdmin);
    expect(dropped({})).not.toContain(netRaw);
    expect(dropped({ capabilities: { add: ['NET_ADMIN'] } })).not.toContain(netAdmin);
    expect(dropped({ capabilities: { drop: ['ALL'] } })).toHaveLength(41);
    // As the manifest of CoreDNS has it.
    expect(dropped({ capabilities: { add: ['net_bind_service'], drop: ['all'] } })).toHaveLength(40);
    expect(dropped({ privileged: true })).toEqual([]);
  });
});
