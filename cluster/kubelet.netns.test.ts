import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import * as k8s from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { Pod } from '../api/types.ts';
import { findCommand } from '../lab/doctor.ts';
import { attachLab } from '../lab/handle.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';

/**
 * `KUBECTL_UNDER_TEST=/a/kubectl-1.20:/b/kubectl-1.33`, or the kubectl on PATH and releases beside it. Up to 1.28
 * they speak SPDY, from 1.31 on WebSocket.
 */
function kubectls(): string[] {
  const named = process.env.KUBECTL_UNDER_TEST?.split(':');
  if (named) return named;
  const found = findCommand('kubectl');
  if (!found) return [];
  const folder = dirname(realpathSync(found));
  const beside = ['1.27', '1.33'].map((release) => join(folder, `kubectl.${release}`)).filter(existsSync);
  return beside.length > 0 ? beside : [found];
}

const releases = kubectls();
if (releases.length === 0) console.log('skipped in part: no kubectl on PATH (Debian: kubernetes-client)');

let cluster: Cluster;
let folder: string;

const manifest = `
apiVersion: v1
kind: Pod
metadata: {name: talker, labels: {app: talker}}
spec:
  nodeName: worker
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox
    workingDir: /srv/data
    env: [{name: COLOR, value: green}]
    command: [sh, -c, 'echo first; echo second; printf third; echo; sleep 3600']
  - {name: web, image: registry.k8s.io/serve_hostname, ports: [{containerPort: 9376}]}
---
apiVersion: v1
kind: Pod
metadata: {name: crasher}
spec:
  nodeName: worker
  containers:
  - {name: main, image: busybox, command: [sh, -c, 'echo attempt; exit 3']}
---
apiVersion: v1
kind: Pod
metadata: {name: unstartable}
spec:
  nodeName: worker
  containers:
  - {name: main, image: no.such/image}
---
apiVersion: v1
kind: Service
metadata: {name: talker}
spec: {selector: {app: talker}, ports: [{name: http, port: 80, targetPort: 9376}]}
`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-kubelet-'));
  cluster = await startCluster({ name: 'kubelet', nodes: 2 });
  await cluster.apply(manifest);
  await cluster.waitFor('pods', 'Ready', { labelSelector: 'app=talker' });
  await waiting('crasher', 'CrashLoopBackOff');
  await waiting('unstartable', 'ImagePullBackOff');
});

afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const waiting = (pod: string, reason: string) =>
  cluster.waitFor<Pod>(`pods/${pod}`, ([seen]) =>
    Boolean(seen?.status?.containerStatuses?.some(({ state }) => state?.waiting?.reason === reason)),
  );

/** A command that was started: what it says is gathered. */
interface Running {
  child: ChildProcess;
  /** Resolves with all output so far once it has this in it. Rejects when the command ends without. */
  until(text: string | RegExp): Promise<string>;
  ended: Promise<{ code: number | null; stdout: string; text: string }>;
}

function start(command: readonly string[], input?: string): Running {
  const [file = '', ...args] = command;
  const env = { ...process.env, KUBECONFIG: cluster.kubeconfig };
  const child = spawn(file, args, { env, stdio: 'pipe' });
  let [stdout, text] = ['', ''];
  let look: () => void = () => undefined;
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      text += String(chunk);
      look();
    });
  child.stdin.on('error', () => undefined);
  if (input !== undefined) child.stdin.end(input);
  const ended = new Promise<{ code: number | null; stdout: string; text: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, text }));
  });
  return {
    child,
    ended,
    until: (wanted) =>
      new Promise((resolve, reject) => {
        look = () => {
          if (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)) resolve(text);
        };
        look();
        void ended.then(() => reject(new Error(`ended before it said ${wanted}:\n${text}`)));
      }),
  };
}

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

describe.skipIf(releases.length === 0).each(releases)('%s', (kubectl) => {
  const id = basename(kubectl).replace(/\W/g, '');
  const run = (words: readonly string[], input = '') => start([kubectl, ...words], input).ended;
  const good = async (line: string, input = '') => {
    const { code, stdout, text } = await run(line.split(' '), input);
    expect(code, `${line}\n${text}`).toBe(0);
    return stdout;
  };
  const refusal = async (line: string) => {
    const { code, text } = await run(line.split(' '));
    expect(code, `${line}\n${text}`).not.toBe(0);
    return text;
  };
  /** On a terminal of 33 lines, which script(1) makes. */
  const onTerminal = (line: string) =>
    start(['script', '-qec', `stty rows 33 cols 99; ${kubectl} ${line}`, '/dev/null']);

  it('prints logs', async () => {
    const [whole, last, timed, cut, everything, before, followed] = await Promise.all([
      good('logs talker -c main'),
      good('logs talker -c main --tail=1'),
      good('logs talker -c main --timestamps'),
      good('logs talker -c main --limit-bytes=8'),
      good('logs -l app=talker --all-containers --tail=-1'),
      good('logs crasher --previous'),
      good('logs crasher -f'),
    ]);
    expect(whole).toBe('first\nsecond\nthird\n');
    expect(last).toBe('third\n');
    expect(timed).toMatch(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (first|second|third)\n){3}$/);
    expect(cut).toBe('first\nse');
    // kubectl keeps no order among containers.
    expect(everything).toContain('third\n');
    expect(everything).toContain('Serving on port 9376');
    expect([before, followed]).toEqual(['attempt\n', 'attempt\n']);
  });

  it("says why there are no logs in Kubernetes' words", async () => {
    const [waiting, unknown, never, absent] = await Promise.all([
      refusal('logs unstartable'),
      refusal('logs talker -c nope'),
      refusal('logs talker -c main --previous'),
      refusal('logs nobody'),
    ]);
    expect(waiting).toContain(
      'container "main" in pod "unstartable" is waiting to start: trying and failing to pull image',
    );
    expect(unknown).toContain('container nope is not valid for pod talker');
    expect(never).toContain('previous terminated container "main" in pod "talker" not found');
    expect(absent).toContain('pods "nobody" not found');
  });

  it('runs commands as the container runs', async () => {
    const script = 'echo $COLOR $(pwd) $(cat | tr a-z A-Z); echo to stderr >&2; exit 42';
    const { code, stdout, text } = await run(
      ['exec', '-i', 'talker', '-c', 'main', '--', 'sh', '-c', script],
      'input',
    );
    expect(stdout).toBe('green /srv/data INPUT\n');
    expect(text).toContain('to stderr\n');
    expect(code).toBe(42);
    const [absent, stopped, unknown] = await Promise.all([
      refusal('exec talker -c main -- no-such-program'),
      refusal('exec unstartable -- true'),
      refusal('exec talker -c nope -- true'),
    ]);
    expect(absent).toContain('exec: "no-such-program": executable file not found in $PATH');
    expect(stopped).toContain('unable to upgrade connection: container not found ("main")');
    expect(unknown).toContain('container nope is not valid for pod talker');
  });

  it('gives a command a terminal of the size of its own', async () => {
    const shell = onTerminal('exec -it talker -c main -- sh');
    await shell.until('# ');
    shell.child.stdin?.write('stty size; tty; exit 7\n');
    const { code, text } = await shell.ended;
    expect(text).toContain('33 99\r\n/dev/pts/');
    expect(code).toBe(7);
  });

  it('debugs on a terminal, among the processes of the container that it is to look at', async () => {
    const shell = onTerminal(`debug -it talker --image=busybox --target=main -c look-${id} -- sh`);
    // The first prompt may have been before it was attached.
    shell.child.stdin?.write('\n');
    await shell.until('# ');
    shell.child.stdin?.write('stty size; tty; tr "\\\\0" " " < /proc/1/cmdline; exit\n');
    const { code, text } = await shell.ended;
    expect(text).toContain('33 99\r\n/dev/pts/');
    expect(text).toContain('sleep 3600');
    expect(code).toBe(0);
  });

  it('ends a command when it is ended itself', async () => {
    const sleeper = start([
      kubectl,
      'exec',
      'talker',
      '-c',
      'main',
      '--',
      'sh',
      '-c',
      `echo begun; sleep 1${id.length}77`,
    ]);
    await sleeper.until('begun');
    sleeper.child.kill('SIGKILL');
    const processes = () =>
      cluster.pod('talker').exec(['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "']);
    await expect
      .poll(async () => (await processes()).stdout, { timeout: 10_000 })
      .not.toContain(`sleep 1${id.length}77`);
  });

  it('runs a pod and talks to it', async () => {
    const image = 'run -it --rm --restart=Never --image=busybox';
    const shell = onTerminal(`${image} shell-${id} -- sh`);
    await shell.until('prompt, try pressing enter');
    shell.child.stdin?.write('\n');
    await shell.until('# ');
    shell.child.stdin?.write('echo "<$TERM>"; exit 3\n');
    const { code, text } = await shell.ended;
    expect(text).toContain('<xterm>');
    expect(code).toBe(3);
    const piped = await good(
      `run -i --rm --restart=Never --image=busybox pipe-${id} -- tr a-z A-Z`,
      'hello\n',
    );
    expect(piped).toContain('HELLO\n');
  });

  it('copies files there and back', async () => {
    const [there, back] = [join(folder, `${id}.there`), join(folder, `${id}.back`)];
    writeFileSync(there, randomBytes(3_000_000));
    await good(`cp ${there} talker:/tmp/${id} -c main`);
    await good(`cp talker:/tmp/${id} ${back} -c main`);
    expect(sha256(readFileSync(back))).toBe(sha256(readFileSync(there)));
  });

  it('forwards ports', async () => {
    const forwarding = start([kubectl, 'port-forward', 'talker', ':9376', ':81']);
    const said = await forwarding.until(/127.0.0.1:\d+ -> 9376.*127.0.0.1:\d+ -> 81\n/s);
    const [open, closed] = [...said.matchAll(/127.0.0.1:(\d+) ->/g)].map(
      ([, port]) => `http://127.0.0.1:${port}`,
    );
    const answers = await Promise.all([1, 2, 3].map(async () => (await fetch(open ?? '')).text()));
    expect(answers).toEqual(['talker', 'talker', 'talker']);
    await expect(fetch(closed ?? '')).rejects.toThrow();
    await forwarding.until(/error forwarding port 81 to pod talker, uid .*: connect: connection refused/);
    forwarding.child.kill();
    await forwarding.ended;
  });

  it('asks pods, Services and nodes through the API', async () => {
    const raw = (path: string) => good(`get --raw /api/v1/${path}`);
    expect(await raw('namespaces/default/pods/talker:9376/proxy/')).toBe('talker');
    expect(await raw('namespaces/default/services/http:talker:http/proxy/')).toBe('talker');
    expect(await raw('namespaces/default/services/talker:80/proxy/')).toBe('talker');
    expect(await raw('nodes/worker/proxy/healthz')).toBe('ok');
    expect(await raw('nodes/worker/proxy/logs/')).toMatch(/^<pre>/);
    expect(await raw('nodes/worker/proxy/metrics')).toContain('kubelet_running_pods ');
    expect(await refusal('get --raw /api/v1/namespaces/default/pods/talker:81/proxy/')).toMatch(
      /ServiceUnavailable.*error trying to reach service: dial tcp 10\.244\.1\.\d+:81: connect: connection refused/,
    );
  });
});

describe("JavaScript's client", () => {
  let config: k8s.KubeConfig;

  beforeAll(() => {
    config = new k8s.KubeConfig();
    config.loadFromFile(cluster.kubeconfig);
  });

  /** Gathers what is written to it. */
  function sink(): Writable & { text(): string; until(wanted: string): Promise<void> } {
    let all = '';
    let look: () => void = () => undefined;
    const stream = new Writable({
      write(chunk, _encoding, done) {
        all += String(chunk);
        look();
        done();
      },
    });
    return Object.assign(stream, {
      text: () => all,
      until: (wanted: string) =>
        new Promise<void>((resolve) => {
          look = () => all.includes(wanted) && resolve();
          look();
        }),
    });
  }

  it('execs, with the end of its input and the exit code', async () => {
    const [out, err] = [sink(), sink()];
    const exec = new k8s.Exec(config);
    const command = ['sh', '-c', 'cat; echo failed >&2; exit 9'];
    const status = await new Promise<k8s.V1Status>((resolve, reject) => {
      exec
        .exec('default', 'talker', 'main', command, out, err, Readable.from(['in', 'put']), false, resolve)
        .catch(reject);
    });
    expect([out.text(), err.text()]).toEqual(['input', 'failed\n']);
    expect(status).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '9' }] },
    });
  });

  it('attaches', async () => {
    await cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: echo}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: busybox, stdin: true, command: [sh, -c, 'while read line; do echo "said $line"; done']}
`);
    await cluster.waitFor('pods/echo', 'Ready');
    const [out, input] = [sink(), new PassThrough()];
    const socket = await new k8s.Attach(config).attach('default', 'echo', 'main', out, null, input, false);
    input.write('hello\n');
    await out.until('said hello\n');
    socket.close();
    const log = sink();
    await new k8s.Log(config).log('default', 'echo', 'main', log, { tailLines: 1 });
    await log.until('said hello\n');
  });

  it('follows a log to its end', async () => {
    const log = sink();
    const whole = new Promise((resolve) => log.once('finish', resolve));
    await new k8s.Log(config).log('default', 'echo', 'main', log, { follow: true });
    await log.until('said hello\n');
    await cluster.client.delete(resources.pods, { name: 'echo', namespace: 'default' });
    await whole;
  });

  it('forwards a port', async () => {
    const [out, input] = [sink(), new PassThrough()];
    const forward = new k8s.PortForward(config);
    const socket = await forward.portForward('default', 'talker', [9376], out, null, input);
    input.write('GET / HTTP/1.0\r\n\r\n');
    await out.until('talker');
    expect(out.text()).toMatch(/^HTTP\/1\.[01] 200 OK\r\n/);
    if ('close' in socket) socket.close();
  });

  it('copies', async () => {
    const [from, to] = [mkdtempSync(join(folder, 'from-')), mkdtempSync(join(folder, 'to-'))];
    writeFileSync(join(from, 'file'), 'content\n');
    const cp = new k8s.Cp(config);
    // Its promises do not wait for what they began.
    await cp.cpToPod('default', 'talker', 'main', from, '/tmp');
    const there = cluster.pod('talker');
    const read = async () => (await there.exec(['cat', '/tmp/file'], { allowFailure: true })).stdout;
    await expect.poll(read, { timeout: 10_000 }).toBe('content\n');
    await cp.cpFromPod('default', 'talker', 'main', 'file', to, '/tmp');
    const arrived = join(to, 'file');
    await expect
      .poll(() => existsSync(arrived) && readFileSync(arrived, 'utf8'), { timeout: 10_000 })
      .toBe('content\n');
  });
});

describe('a place in a pod', () => {
  it('runs commands as the container runs', async () => {
    const there = cluster.pod('talker');
    const { stdout } = await there.exec(['sh', '-c', 'echo $COLOR; pwd; cat'], { input: 'input' });
    expect(stdout).toBe('green\n/srv/data\ninput');
    const failing = await there.exec(['sh', '-c', 'exit 4'], { allowFailure: true });
    const absent = await there.exec(['no-such-program'], { allowFailure: true });
    expect([failing.exitCode, absent.exitCode]).toEqual([4, 127]);
    expect(absent.stderr).toBe('exec: "no-such-program": executable file not found in $PATH\n');
  });
});

describe("a kubelet's port", () => {
  it('is closed to who shows no certificate and no token, and to a token of nobody', async () => {
    const { items } = await cluster.client.list(resources.nodes);
    const address = items[0]?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    const ask = async (...options: string[]) => {
      const curl = ['curl', '-sk', '-w', ' %{http_code}', ...options, `https://${address}:10250/pods`];
      return (await cluster.pod('talker').exec(curl)).stdout;
    };
    expect(await ask()).toBe('Unauthorized 401');
    expect(await ask('-H', 'Authorization: Bearer nonsense')).toBe('Unauthorized 401');
    expect(items[0]?.status?.daemonEndpoints?.kubeletEndpoint?.Port).toBe(10250);
  });
});

describe('a service account', () => {
  it('asks kubelets what roles let it, each part of their API by a name of its own', async () => {
    const namespace = 'default';
    const name = 'observer';
    const { client } = cluster;
    await client.create(resources.serviceaccounts, { metadata: { name, namespace } });
    await client.create(resources.clusterroles, {
      metadata: { name },
      rules: [{ apiGroups: [''], resources: ['nodes/metrics', 'nodes/pods'], verbs: ['get'] }],
    });
    await client.create(resources.clusterrolebindings, {
      metadata: { name },
      roleRef: { kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    });
    const { status } = await client.request<{ status: { token: string } }>(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
      { spec: { audiences: [] } },
    );
    const worker = await client.get(resources.nodes, { name: 'worker' });
    const { address } = worker.status?.addresses?.find(({ type }) => type === 'InternalIP') ?? {};
    const get = async (path: string) => {
      const header = `Authorization: Bearer ${status.token}`;
      const curl = ['curl', '-sk', '-H', header, '-w', '\\n%{http_code}', `https://${address}:10250${path}`];
      const { stdout } = await cluster.node('worker').exec(curl);
      return stdout.split('\n');
    };
    expect((await get('/metrics')).at(-1)).toBe('200');
    expect((await get('/pods')).at(-1)).toBe('200');
    expect(await get(`/containerLogs/${namespace}/talker/main`)).toEqual([
      `Forbidden (user=system:serviceaccount:${namespace}:${name}, verb=get, resource=nodes, subresource(s)=[proxy])`,
      '403',
    ]);
  });
});

describe('a node-agent that is killed', () => {
  it('loses no log, and the next one serves them all', async () => {
    const lab = await attachLab(cluster.stateDir);
    const pidOf = async () => (await lab?.components())?.find(({ name }) => name === 'worker')?.pid;
    const before = await pidOf();
    if (!before) throw new Error('the worker has no process');
    process.kill(before, 'SIGKILL');
    await expect.poll(pidOf, { timeout: 20_000 }).not.toBe(before);
    const last = () =>
      cluster.logs('talker', { container: 'main', tailLines: 1 }).catch((error: Error) => error.message);
    await expect.poll(last, { timeout: 20_000 }).toBe('third\n');
    expect(await cluster.logs('crasher', { previous: true })).toBe('attempt\n');
    await expect(cluster.logs('nobody')).rejects.toThrow('pods "nobody" not found');
  });
});
