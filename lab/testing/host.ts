import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identifyProcess, isRunning, type ProcessIdentity, pidsOfNamespace } from '../../kernel/processes.ts';
import type { Lab } from '../handle.ts';
import type { ComponentSpec } from '../spec.ts';

/** What a lab could leave behind on the host, apart from processes. */
export function hostState(): Record<string, string> {
  const rules = process.getuid?.() === 0 ? ['iptables-save', 'ip6tables-save'] : [];
  return {
    links: execFileSync('ip', ['-brief', 'link'], { encoding: 'utf8' }),
    routes: execFileSync('ip', ['route'], { encoding: 'utf8' }),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
    netns: existsSync('/run/netns') ? readdirSync('/run/netns').join(' ') : '',
    forwarding: readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'),
    // Comments carry the time, brackets the packet counters.
    ...Object.fromEntries(
      rules.map((command) => [
        command,
        execFileSync(command, { encoding: 'utf8' }).replace(/^#.*$|\[\d+:\d+\]/gm, ''),
      ]),
    ),
  };
}

/** Every process in a lab and the `unshare` around it. */
export function processesOf(lab: Lab): ProcessIdentity[] {
  const { unshare }: { unshare: ProcessIdentity } = JSON.parse(
    readFileSync(join(lab.stateDir, 'lab.json'), 'utf8'),
  );
  return [...pidsOfNamespace(lab.pid).values(), unshare.pid].flatMap((pid) => identifyProcess(pid) ?? []);
}

export const running = (processes: readonly ProcessIdentity[]) => processes.filter(isRunning);

/** Waits until the condition holds and returns its value; throws after ten seconds. */
export async function until<T>(what: string, condition: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`waited ten seconds for: ${what}`);
    await sleep(10);
  }
}

/** A state directory that goes away with the test; it is short, for the Unix socket in it. */
export function temporaryDirectory(): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'v9s-lab-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export const nodes = [
  { name: 'control-plane', address: '172.18.0.2' },
  { name: 'worker', address: '172.18.0.3' },
];

/** An HTTP server on the inherited socket; it answers with its process id and host name. */
export const web: ComponentSpec = {
  name: 'web',
  node: 'worker',
  command: [
    process.execPath,
    '-e',
    'require("node:http").createServer((_, r) => r.end(process.pid + " " + require("node:os").hostname())).listen({ fd: 3 })',
  ],
  fds: ['api'],
};
