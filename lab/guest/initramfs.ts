import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the kernel needs to reach this machine's files over virtio. */
const wanted = ['virtio_pci', '9pnet_virtio', '9p', 'virtio_console'];

/**
 * The first file system of the guest in QEMU, as the kernel takes it: it loads the modules for 9p, mounts this
 * machine's root and goes on with `qemu-init.sh`. The kernel's command line names `v9s.init` and `v9s.run`.
 *
 * @param root holds `usr/bin/busybox` and `lib/modules/RELEASE`
 */
export async function initramfs(root: string, release: string): Promise<Buffer> {
  const folder = join(root, 'lib/modules', release);
  const modules = inOrder(await readFile(join(folder, 'modules.dep'), 'utf8'));
  const files = modules.map((module) => module.slice(module.lastIndexOf('/') + 1));
  return archive([
    ...['bin', 'modules', 'proc', 'dev', 'root'].map((name) => ({ name })),
    { name: 'bin/busybox', content: await readFile(join(root, 'usr/bin/busybox')), mode: 0o755 },
    { name: 'init', content: Buffer.from(initScript(files)), mode: 0o755 },
    ...(await Promise.all(
      modules.map(async (module, i) => ({
        name: `modules/${files[i]}`,
        content: await readFile(join(folder, module)),
        mode: 0o644,
      })),
    )),
  ]);
}

function initScript(modules: readonly string[]): string {
  return `#!/bin/busybox sh
busybox() { /bin/busybox "$@"; }
busybox mount -t proc proc /proc
busybox mount -t devtmpfs devtmpfs /dev
for module in ${modules.join(' ')}; do busybox insmod /modules/$module; done
set -- $(busybox cat /proc/cmdline)
for word; do
  case $word in
    v9s.init=*) init=\${word#*=} ;;
    v9s.run=*) run=\${word#*=} ;;
  esac
done
busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose root /root || busybox poweroff -f
busybox mount -t devtmpfs devtmpfs /root/dev
busybox umount /proc
exec /bin/busybox switch_root /root /bin/sh "$init" "$run"
`;
}

/** Paths of the wanted modules and of what they need, each behind what it needs. */
function inOrder(dependencies: string): string[] {
  const needs = new Map(
    dependencies
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [module = '', rest = ''] = line.split(':');
        return [module, rest.trim().split(/\s+/).filter(Boolean)] as const;
      }),
  );
  const order = new Set<string>();
  const add = (module: string) => {
    for (const one of needs.get(module) ?? []) if (!order.has(one)) add(one);
    order.add(module);
  };
  // A module that is part of the kernel itself has no file.
  for (const name of wanted) for (const path of needs.keys()) if (path.endsWith(`/${name}.ko`)) add(path);
  return [...order];
}

interface Entry {
  readonly name: string;
  /** A folder has none. */
  readonly content?: Buffer;
  readonly mode?: number;
}

/** A cpio archive in the format `newc`, the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst`. */
export function archive(entries: readonly Entry[]): Buffer {
  const parts = [...entries, { name: 'TRAILER!!!', content: Buffer.alloc(0), mode: 0 }].map(
    ({ name, content, mode = 0o755 }, inode) => {
      const type = content ? 0o100000 : 0o040000;
      const fields = [
        inode + 1,
        type | mode,
        0,
        0,
        1,
        0,
        content?.length ?? 0,
        0,
        0,
        0,
        0,
        name.length + 1,
        0,
      ];
      const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
      return Buffer.concat([padded(Buffer.from(header)), padded(content ?? Buffer.alloc(0))]);
    },
  );
  return Buffer.concat(parts);
}

const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
