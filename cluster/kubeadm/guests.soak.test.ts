import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../kernel/package-root.ts';
import { GuestUnavailable, runInGuest } from '../../lab/guest/guest.ts';
import { type Hub, startHub } from '../../lab/guest/hub.ts';
import { ensureGuestKernel } from '../../lab/guest/packages.ts';

const unavailable = await ensureGuestKernel().then(
  () => undefined,
  (error: unknown) => {
    if (!(error instanceof GuestUnavailable)) throw error;
    console.log(`skipped: ${error.message}`);
    return error.message;
  },
);

let folder = '';
let hub: Hub;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-guests-'));
  hub = await startHub(join(folder, 'hub'));
});
afterAll(() => {
  hub?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What both are given. A file in the folder, which both see, tells the other how far one is: `tell NAME`, `wait NAME`. */
const common = (address: string) => `
export XDG_STATE_HOME=/dev/shm/state
mkdir -p $XDG_STATE_HOME/vethernetes
: >> /run/xtables.lock
v9s() { ${process.execPath} ${packageRoot}/dist/v9s.js "$@"; }
tell() { mv ${folder}/new.$1 ${folder}/$1; }
wait_for() { for i in $(seq 600); do [ -e ${folder}/$1 ] && return; sleep 0.5; done; echo "no $1"; exit 1; }
look() {
  ip -brief link | cut -d' ' -f1; ip route; iptables-save | grep '^-'; ip6tables-save | grep '^-'
  sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter
  cut -d' ' -f2,3 /proc/mounts; find /run $XDG_STATE_HOME | sort; ps -eo args | grep -c 'v9s\\|pause'
}
ip address add ${address}/24 dev vec0
ip link set vec0 up
`;

const first = () => `${common('192.168.77.1')}
v9s init --host --node-name d2 --apiserver-advertise-address 192.168.77.1 | grep '^v9s join' > ${folder}/new.line
tell line
wait_for joined
${process.execPath} ${packageRoot}/cluster/kubeadm/testing/pods-on.ts d2 v1 > ${folder}/new.pods
tell pods
wait_for reset
`;

const second = () => `${common('192.168.77.2')}
look > ${folder}/before
wait_for line
$(cat ${folder}/line) --node-name v1 > ${folder}/new.joined 2>&1
tell joined
wait_for pods
v9s reset --host > ${folder}/new.reset 2>&1
look > ${folder}/after
tell reset
`;

const read = (name: string) => readFileSync(join(folder, name), 'utf8');

it.skipIf(unavailable)(
  'two kernels: one begins a cluster, the other joins it, and their pods reach each other',
  async () => {
    const ended = await Promise.all(
      [first(), second()].map((script) =>
        runInGuest(['sh', '-c', script], { hub: hub.path, output: 'capture' }),
      ),
    );
    for (const { exitCode, stdout, stderr } of ended) expect(exitCode, stdout + stderr).toBe(0);
    expect(read('joined')).toContain('This node has joined the cluster: v1');
    expect(JSON.parse(read('pods'))).toEqual({
      addresses: [expect.stringMatching(/^10\.244\.0\./), expect.stringMatching(/^10\.244\.1\./)],
      nodes: [
        ['d2', '192.168.77.1'],
        ['v1', '192.168.77.2'],
      ],
      ping: 0,
      logs: 'up\n',
    });
    expect(read('reset')).toContain('Nothing of the node is left on this machine');
    expect(read('after')).toBe(read('before'));
  },
);
