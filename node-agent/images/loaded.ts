import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Catalogue, Image } from '../runtime/images.ts';
import { insideTree } from './inside-tree.ts';
import type { ImageStore, StoredImage } from './store.ts';

/** The images that were loaded, then those of another catalogue: who loads `nginx` wants that one. */
export function withLoaded(store: ImageStore, builtIn: Catalogue): Catalogue {
  return {
    names: () => builtIn.names(),
    list: () => [...store.list().map(({ names, size }) => ({ names, size })), ...builtIn.list()],
    find(reference) {
      const stored = store.find(reference);
      return stored ? loadedImage(stored) : builtIn.find(reference);
    },
  };
}

function loadedImage({ id, config: { config = {} }, rootfs }: StoredImage): Image {
  const env = Object.fromEntries(
    (config.Env ?? []).map((line) => {
      const equals = line.indexOf('=');
      return equals < 0 ? [line, ''] : [line.slice(0, equals), line.slice(equals + 1)];
    }),
  );
  const stopSignal = signalName(config.StopSignal ?? '');
  const user = config.User ? imageUser(config.User, rootfs) : undefined;
  return {
    id,
    entrypoint: config.Entrypoint ?? [],
    cmd: config.Cmd ?? [],
    env: user?.home ? { HOME: user.home, ...env } : env,
    workingDir: config.WorkingDir || '/',
    ...(stopSignal ? { stopSignal } : {}),
    binds: [],
    rootfs,
    ...(user ? { user } : {}),
  };
}

/** `STOPSIGNAL` of a Dockerfile: a name with or without SIG, or a number. None for the real-time ones. */
function signalName(text: string): string | undefined {
  const name = `SIG${text.toUpperCase().replace(/^SIG/, '')}`;
  return Object.entries(constants.signals).find(
    ([known, number]) => known === name || String(number) === text,
  )?.[0];
}

/**
 * `USER` of a Dockerfile: a name or number, and a group after a colon, by the image's own `/etc/passwd` and
 * `/etc/group`. Upstream: `opencontainers/runc/libcontainer/user`, GetExecUser. A name that is nowhere is root's.
 */
function imageUser(text: string, rootfs: string): NonNullable<Image['user']> & { home: string } {
  const [name = '', groupName] = text.split(':');
  const users = records(rootfs, 'etc/passwd');
  const groups = records(rootfs, 'etc/group');
  const user = users.find((fields) => fields[0] === name) ?? users.find((fields) => fields[2] === name);
  const group = groups.find((fields) => fields[0] === groupName);
  const member = user?.[0] ?? name;
  const uid = Number(user?.[2] ?? name);
  const gid = Number(groupName === undefined ? user?.[3] : (group?.[2] ?? groupName));
  return {
    uid: uid || 0,
    gid: gid || 0,
    groups:
      groupName === undefined
        ? groups.filter((fields) => fields[3]?.split(',').includes(member)).map((fields) => Number(fields[2]))
        : [],
    home: user?.[5] ?? '/',
  };
}

function records(rootfs: string, path: string): string[][] {
  const file = insideTree(rootfs, path);
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
}
