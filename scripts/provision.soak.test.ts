import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from './bootstrap/prepare.mjs';

const has = (command: string) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
const lacking =
  process.getuid?.() !== 0 ? 'not root' : has('debootstrap') ? undefined : 'there is no debootstrap here';
if (lacking) console.warn(`skipped: provisioning a Debian tree (${lacking})`);

/** Makes the tree the root of its own mount namespace: a user namespace cannot be made inside a chroot. */
const enter = `
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"; mount --rbind /sys "$1/sys"; mount --rbind /dev "$1/dev"
cd "$1"; mkdir -p .old; pivot_root . .old; umount -l /.old
shift
exec env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin NODE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS" "$@"
`;

describe.skipIf(lacking)('scripts/provision.sh in a Debian tree', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vethernetes-debian-'));
  const tree = join(folder, 'root');
  const project = '/home/vagrant/vethernetes';

  function run(file: string, ...args: string[]): string {
    const result = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
    const output = result.stdout + result.stderr;
    if (result.status !== 0) throw new Error(`${file} ${args.join(' ')}: ${output.slice(-4000)}`);
    return output;
  }
  const inside = (...command: string[]) =>
    run(
      'unshare',
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      'sh',
      '-c',
      enter,
      'enter',
      tree,
      ...command,
    );

  beforeAll(() => {
    run('debootstrap', '--variant=minbase', '--include=ca-certificates', 'bookworm', tree);
    run('chroot', tree, 'useradd', '--create-home', '--shell', '/bin/bash', 'vagrant');
    const left = ['node_modules', 'dist', '.git'].map((name) => join(root, name));
    cpSync(root, join(tree, project), { recursive: true, filter: (file) => !left.includes(file) });
    for (const file of ['/etc/resolv.conf', '/etc/ssl/certs/ca-certificates.crt'])
      cpSync(file, join(tree, file), { dereference: true });
    writeFileSync(join(tree, 'etc/hostname'), 'vethernetes\n');
  }, 600_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('leaves a machine on which the user types the two commands', () => {
    inside('sh', `${project}/scripts/provision.sh`, 'vagrant', project);
    expect(inside('su', '-', 'vagrant', '-c', 'cat /etc/motd')).toContain('npm run scenario hostnames');
    expect(inside('su', '-', 'vagrant', '-c', 'v9s --version')).toMatch(/^\d+\.\d+\.\d+$/m);
    expect(inside('su', '-', 'vagrant', '-c', 'kubectl version --client')).toContain('Client Version');
    inside('su', '-', 'vagrant', '-c', `cd ${project} && npm run scenario hostnames`);
  }, 900_000);
});
