import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Container, PodSpec } from '../api/types.ts';
import { type PodScene, shell, startPodScene } from './testing/pods.ts';

let scene: PodScene;
beforeAll(async () => {
  scene = await startPodScene();
}, 60_000);
afterAll(() => scene?.[Symbol.asyncDispose]());

/** What a pod's only container says until it has ended. */
async function said(
  name: string,
  script: string,
  more: Partial<Container> = {},
  spec: Partial<PodSpec> = {},
) {
  await scene.create(name, { containers: [shell(script, more)], restartPolicy: 'Never', ...spec });
  const pod = await scene.podWhere(name, ({ status }) => /Succeeded|Failed/.test(status?.phase ?? ''));
  return scene.log(pod, 'main');
}

const privileged = { securityContext: { privileged: true } };

/** Tries to write, and says which of the files it could. */
const written = (files: readonly string[]) =>
  `for file in ${files.join(' ')}; do [ -e $file ] || continue; (echo 1 > $file) 2>/dev/null && echo written $file; done; echo done`;

const kernelFiles = [
  '/proc/sysrq-trigger /proc/irq/default_smp_affinity',
  '/proc/sys/kernel/core_pattern /proc/sys/kernel/pid_max /proc/sys/kernel/panic /proc/sys/fs/suid_dumpable /proc/sys/vm/drop_caches',
  '/sys/power/state /sys/kernel/mm/ksm/run',
];

describe("the kernel's files", () => {
  it('are masked as runc masks them, and read-only', async () => {
    const script = [
      'cat /proc/keys /proc/timer_list /proc/interrupts /proc/kcore 2>/dev/null | wc -c',
      'ls /proc/acpi /proc/scsi /sys/firmware 2>/dev/null | grep -vc -e : -e "^$"',
      written(kernelFiles),
    ].join('\n');
    expect(await said('masked', script)).toBe('0\n0\ndone\n');
  });

  it('are those of its own network alone to a privileged pod, which cannot mount others in their place', async () => {
    const before = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
    const script = [
      'mount -o remount,bind,rw /proc/sys; umount /proc/sys; mount -o remount,rw /sys; mkdir /tmp/p; mount -t proc proc /tmp/p',
      'mount -o remount,bind,rw /etc/ssl/certs; unshare -m true; unshare -Urm mount -t tmpfs tmpfs /tmp/p',
      written([...kernelFiles, '/tmp/p/sys/kernel/core_pattern']),
      'echo 1 > /proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward',
      '(echo x > /etc/ssl/certs/x) 2>/dev/null || echo refused',
      'for device in "b 8 0" "b 254 0" "c 1 1" "c 10 200"; do mknod /tmp/device $device && echo made $device; done',
      'true',
    ].join('\n');
    expect(await said('privileged', `(${script}) 2>/dev/null`, privileged)).toBe('done\n1\nrefused\n');
    expect(readFileSync('/proc/sys/kernel/core_pattern', 'utf8')).toBe(before);
  });
});

describe('a link that a pod has put into a volume', () => {
  const link = (path: string): PodSpec => ({
    volumes: [{ name: 'node', hostPath: { path: '/run/shared', type: 'DirectoryOrCreate' } }],
    containers: [
      shell(`ln -sfn / /node/out; ln -sfn ${path} /node/file; mkdir -p /node/etc; echo well`, {
        volumeMounts: [{ name: 'node', mountPath: '/node' }],
      }),
    ],
    restartPolicy: 'Never',
  });

  it('leads nobody out of it: neither a subPath nor a hostPath', async () => {
    await scene.create('links', link('/etc/shadow'));
    await scene.podWhere('links', ({ status }) => status?.phase === 'Succeeded');
    const look = 'ls /out; cat /out/etc/shadow; (touch /out/etc/here) && ls /out/etc';
    const viaHostPath = await said(
      'by-path',
      `(${look}) 2>/dev/null`,
      { volumeMounts: [{ name: 'node', mountPath: '/out' }] },
      {
        volumes: [{ name: 'node', hostPath: { path: '/run/shared/out' } }],
      },
    );
    expect(viaHostPath).not.toMatch(/root:|passwd|bin\n/);
    const viaSubPath = await said(
      'by-sub-path',
      `(${look}) 2>/dev/null`,
      {
        volumeMounts: [{ name: 'node', mountPath: '/out', subPath: 'out' }],
      },
      { volumes: [{ name: 'node', hostPath: { path: '/run/shared' } }] },
    );
    expect(viaSubPath).not.toMatch(/root:|passwd|bin\n/);
  });
});

describe('what a pod cannot reach', () => {
  it("are the machine's devices, and the lab's own files, by a hostPath that has all", async () => {
    const script = [
      'ls /host/run /host/tmp /host/proc; ls /host/usr | grep -x bin',
      'for device in $(find /host/dev -type b -o -type c | head -20); do head -c1 $device && echo read $device; done',
      '(touch /host/x) || echo read-only; chroot /host /bin/sh -c "ls /run/netns; echo in"',
    ].join('\n');
    const out = await said(
      'all',
      `(${script}) 2>/dev/null`,
      { volumeMounts: [{ name: 'host', mountPath: '/host' }] },
      {
        volumes: [{ name: 'host', hostPath: { path: '/' } }],
      },
    );
    expect(out.replace(/^\/host\/.*:\n|^\n/gm, '')).toBe('bin\nread-only\nin\n');
  });

  it('are processes, sockets and interfaces that are not its own, or the credentials of its node', async () => {
    const script = [
      'ls /proc | grep -c "^[0-9]"',
      'ls /proc/1/root/run; ls /run',
      'cut -d: -f1 /proc/net/dev | tail -n +3 | sort | xargs',
      'grep -c @ /proc/net/unix',
      'find / -xdev -name "*.key" -o -name kubelet.conf -o -name control.sock -o -name cluster.json 2>/dev/null | grep -v ^/usr',
      'kill -9 -1; echo alive',
    ].join('\n');
    const out = await said('alone', `(${script}) 2>/dev/null`);
    expect(out).toMatch(/^[1-6]\nsecrets\nsecrets\nlo eth0\n0\n(alive\n)?$/);
  });

  it('is, with the network of its node, that of the machine', async () => {
    const out = await said(
      'in-node',
      'cut -d: -f1 /proc/net/dev | tail -n +3 | xargs; grep -c @ /proc/net/unix; cat /proc/net/tcp | wc -l',
      {},
      {
        hostNetwork: true,
      },
    );
    expect(out).not.toMatch(/underlay|docker|ens|enp/);
    expect(out.split('\n')[1]).toBe('0');
  });
});
