import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, readIfThere, writeWhole } from './cache.mjs';
import { BootstrapError, note, step } from './report.mjs';
import { start } from './start.mjs';

/** Debian's packages, the commands we use of each, and whether a cluster works without. */
const packages = [
  { name: 'iproute2', commands: ['ip', 'bridge'], required: true },
  { name: 'iptables', commands: ['iptables', 'iptables-save', 'iptables-restore'], required: true },
  { name: 'util-linux', commands: ['unshare', 'nsenter', 'mount'], required: true },
  { name: 'conntrack', commands: ['conntrack'], required: true },
  { name: 'procps', commands: ['sysctl', 'ps'], required: true },
  { name: 'curl', commands: ['curl'], required: true },
  { name: 'nftables', commands: ['nft'], required: false },
  { name: 'ipset', commands: ['ipset'], required: false },
  { name: 'ipvsadm', commands: ['ipvsadm'], required: false },
  { name: 'iputils-ping', commands: ['ping'], required: false },
  { name: 'dnsutils', commands: ['dig'], required: false },
  { name: 'bridge-utils', commands: ['brctl'], required: false },
  { name: 'kubernetes-client', commands: ['kubectl'], required: false },
];

/**
 * Commands that administrators' packages put into /sbin are there for users too, on PATH or not; from here
 * on they are on ours.
 */
export function widenPath() {
  const folders = (process.env.PATH ?? '').split(':').filter(Boolean);
  const missing = ['/usr/local/sbin', '/usr/sbin', '/sbin'].filter((folder) => !folders.includes(folder));
  process.env.PATH = [...folders, ...missing].join(':');
}

/**
 * Installs the system packages whose commands are missing, where apt-get may be used without asking;
 * otherwise says the one line to run. Only what a cluster cannot do without is an error.
 */
export async function ensureSystemPackages() {
  const missing = missingPackages();
  if (missing.length === 0 || alreadyTold(missing)) return;
  const privilege = existsSync('/usr/bin/apt-get') ? await privilegePrefix() : undefined;
  if (privilege) await install(privilege, missing).catch((error) => note(error.message));
  const left = missingPackages();
  if (left.some(({ required }) => required)) {
    throw new BootstrapError(`these commands are missing: ${commandsOf(left)}. Install them:`, [
      lineFor(left),
    ]);
  }
  if (left.length === 0) return;
  note(
    `${commandsOf(left)} not found; a cluster works without, some examples do not. To have them: ${lineFor(left)}`,
  );
  writeWhole(toldFile(), told(left));
}

function missingPackages() {
  const folders = (process.env.PATH ?? '').split(':').filter(Boolean);
  const has = (command) => folders.some((folder) => existsSync(join(folder, command)));
  return packages.filter(({ commands }) => !commands.every(has));
}

const commandsOf = (list) => list.flatMap(({ commands }) => commands).join(', ');

const lineFor = (list) =>
  `sudo apt-get update && sudo apt-get install -y ${list.map(({ name }) => name).join(' ')}`;

/** The words to put before apt-get, or undefined when we would have to ask for a password. */
async function privilegePrefix() {
  if (process.getuid?.() === 0) return [];
  const sudo = await start('sudo', ['-n', 'true'], { capture: true }).catch(() => undefined); // no sudo at all
  return sudo?.code === 0 ? ['sudo', '-n'] : undefined;
}

async function install(prefix, missing) {
  const apt = async (...args) => {
    const command = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', ...args];
    const ending = await start(command[0], command.slice(1), { capture: true });
    if (ending.code === 0) return;
    const errors = ending.output
      .split('\n')
      .filter((line) => /^[EW]: /.test(line))
      .slice(-3);
    throw new BootstrapError(`apt-get ${args[0]} failed`, errors);
  };
  const names = missing.map(({ name }) => name);
  await step('looking for system packages (apt-get update)', () => apt('update'));
  const known = [];
  for (const name of names) {
    // Ubuntu has no kubernetes-client; one unknown name would make apt-get install nothing.
    const policy = await start('apt-cache', ['policy', name], { capture: true });
    if (/Candidate: (?!\(none\))/.test(policy.output)) known.push(name);
  }
  if (known.length === 0) return;
  await step(`installing system packages ${known.join(' ')}`, () =>
    apt('install', '-y', '--no-install-recommends', ...known),
  );
}

const toldFile = () => join(cacheFolder(), 'optional-packages');
const told = (list) => `${readIfThere('/proc/sys/kernel/random/boot_id')}${commandsOf(list)}`;

/** Optional commands are named once a boot, not at each start. */
function alreadyTold(missing) {
  return !missing.some(({ required }) => required) && readIfThere(toldFile()) === told(missing);
}
