import { readFileSync } from 'node:fs';
import type { CommandError } from './run.ts';

/** A sysctl that forbids sandboxes at a value, and the value that allows them. */
const limits = [
  {
    sysctl: 'kernel.apparmor_restrict_unprivileged_userns',
    forbids: '1',
    allow: '0',
    why: 'AppArmor keeps ordinary users from user namespaces (Ubuntu does so since 23.10)',
    rootToo: false,
  },
  {
    sysctl: 'kernel.unprivileged_userns_clone',
    forbids: '0',
    allow: '1',
    why: 'ordinary users may not create user namespaces',
    rootToo: false,
  },
  ...['user', 'net', 'pid', 'mnt', 'uts', 'ipc'].map((kind) => ({
    sysctl: `user.max_${kind}_namespaces`,
    forbids: '0',
    allow: '15000',
    why: `no ${kind} namespace may be created`,
    rootToo: true,
  })),
];

/** Why `unshare` could not make a sandbox, and one line that changes it. */
export function explainSandboxFailure(
  { exitCode, stderr, message }: Pick<CommandError, 'exitCode' | 'stderr' | 'message'>,
  sysctl: (name: string) => string | undefined = readSysctl,
  isRoot = process.getuid?.() === 0,
): { detail: string; fix: string } {
  const said = stderr.trim() || message;
  if (exitCode === undefined)
    return { detail: said, fix: 'install the package util-linux, which has the command unshare' };
  for (const { sysctl: name, forbids, allow, why, rootToo } of limits)
    if (sysctl(name) === forbids && (rootToo || !isRoot))
      return {
        detail: `${why} (${name} = ${forbids})`,
        fix: `run: ${asRootLine(`sysctl -w ${name}=${allow}`, isRoot)}`,
      };
  if (/mount \/proc failed/.test(said))
    return {
      detail: `proc cannot be mounted, because parts of /proc are hidden here (${said})`,
      fix: 'in a container, start it with: docker run --security-opt systempaths=unconfined --security-opt seccomp=unconfined',
    };
  if (/No space left on device/.test(said))
    return {
      detail: `too many namespaces (${said})`,
      fix: 'end other labs, or raise the user.max_*_namespaces sysctls',
    };
  return {
    detail: `namespaces cannot be created (${said})`,
    fix: 'in a container, start it with: docker run --privileged; elsewhere see `dmesg` for what refused it',
  };
}

/** The line as an ordinary user would type it. */
export const asRootLine = (line: string, isRoot = process.getuid?.() === 0) =>
  isRoot ? line : `sudo ${line}`;

function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').trim();
  } catch {
    return undefined; // Not every kernel has each of them.
  }
}
