import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import { type PodScene, shell, startPodScene } from './testing/pods.ts';

let scene: PodScene;
beforeAll(async () => {
  scene = await startPodScene();
}, 60_000);
afterAll(() => scene?.[Symbol.asyncDispose]());

const namespace = 'default';

/** What a pod's only container says until it has ended. */
async function said(name: string): Promise<string> {
  const pod = await scene.podWhere(name, ({ status }) => /Succeeded|Failed/.test(status?.phase ?? ''));
  return scene.log(pod, 'main');
}

describe('what a container finds', () => {
  it('are variables from everywhere, expanded in its command', async () => {
    await scene.client.create(resources.configmaps, {
      metadata: { name: 'settings', namespace },
      data: { color: 'green', size: '3' },
    });
    await scene.client.create(resources.secrets, {
      metadata: { name: 'hidden', namespace },
      data: { word: Buffer.from('sesame').toString('base64') },
    });
    await scene.create('variables', {
      containers: [
        {
          ...shell(''),
          command: ['echo', '$(P_color) $(WORD) $(CPU) $(MEM) $(WHERE) $(GREETING) $$(P_color) $(none)'],
          resources: { limits: { cpu: '1500m', memory: '64Mi' } },
          envFrom: [
            { prefix: 'P_', configMapRef: { name: 'settings' } },
            { secretRef: { name: 'missing', optional: true } },
          ],
          env: [
            { name: 'WORD', valueFrom: { secretKeyRef: { name: 'hidden', key: 'word' } } },
            { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
            { name: 'MEM', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
            { name: 'WHERE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
            { name: 'GREETING', value: 'hello-$(WORD)' },
          ],
        },
      ],
      restartPolicy: 'Never',
    });
    expect(await said('variables')).toBe(
      'green sesame 1500 64 control-plane hello-sesame $(P_color) $(none)\n',
    );
    const told = await scene.until(async () => {
      const lines = await scene.events('control-plane');
      return lines.find((line) => line.includes('LimitsNotEnforced'));
    });
    expect(told).toMatch(
      /^Warning LimitsNotEnforced .*limits of memory and cpu; .* does not enforce them: none were given to this node$/,
    );
  });

  it('are volumes of every kind', async () => {
    const mount = (name: string, more = {}) => ({ name, mountPath: `/${name}`, ...more });
    await scene.create(
      'volumes',
      {
        volumes: [
          { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
          { name: 'own', hostPath: { path: '/run/own', type: 'DirectoryOrCreate' } },
          { name: 'machine', hostPath: { path: '/usr/share' } },
          {
            name: 'part',
            configMap: { name: 'settings', items: [{ key: 'color', path: 'a/b', mode: 0o400 }] },
          },
          {
            name: 'api',
            downwardAPI: {
              items: [
                { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
                { path: 'cpu', resourceFieldRef: { containerName: 'main', resource: 'limits.cpu' } },
              ],
            },
          },
          { name: 'group', emptyDir: {} },
        ],
        containers: [
          shell(
            [
              'df -k /memory | tail -1 | tr -s " " | cut -d" " -f2',
              'echo x > /own/file && cat /own/file',
              '(echo x > /machine/file) 2>/dev/null || echo read-only',
              'cat /part/a/b; echo; stat -L -c %a /part/a/b',
              'cat /api/labels /api/cpu; echo',
              'touch /sub/file; ls /group/volumes',
            ].join('\n'),
            {
              resources: { limits: { cpu: '2' } },
              env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
              volumeMounts: [
                mount('memory'),
                mount('own'),
                mount('machine'),
                mount('part'),
                mount('api'),
                mount('group'),
                { name: 'group', mountPath: '/sub', subPathExpr: '$(POD)' },
              ],
            },
          ),
        ],
        restartPolicy: 'Never',
      },
      { labels: { app: 'x' } },
    );
    expect(await said('volumes')).toBe('1024\nx\nread-only\ngreen\n400\napp="x"2\nfile\n');
    const node = '/run/v9s/nodes/control-plane';
    expect(await scene.onNode(['cat', `${node}/host/run/own/file`])).toBe('x\n');
    await scene.delete('volumes');
  });

  it('is brought up to date at once when an annotation changes', async () => {
    await scene.create('notes', {
      volumes: [
        { name: 'settings', configMap: { name: 'settings' } },
        {
          name: 'api',
          downwardAPI: { items: [{ path: 'notes', fieldRef: { fieldPath: 'metadata.annotations' } }] },
        },
      ],
      containers: [
        shell('until grep -q blue /settings/color; do sleep 0.05; done; grep refresh /api/notes', {
          volumeMounts: [
            { name: 'settings', mountPath: '/settings' },
            { name: 'api', mountPath: '/api' },
          ],
        }),
      ],
      restartPolicy: 'Never',
    });
    await scene.podWhere('notes', ({ status }) => status?.phase === 'Running');
    const map = { name: 'settings', namespace };
    await scene.client.patch(resources.configmaps, map, 'merge', { data: { color: 'blue' } });
    const note = { metadata: { annotations: { refresh: '1' } } };
    await scene.client.patch(resources.pods, { name: 'notes', namespace }, 'merge', note);
    expect(await said('notes')).toBe('refresh="1"\n');
  });

  it('is the host name it asked for', async () => {
    await scene.create('named', {
      hostname: 'db',
      subdomain: 'data',
      setHostnameAsFQDN: true,
      hostAliases: [{ ip: '192.0.2.9', hostnames: ['elsewhere'] }],
      containers: [shell('hostname; cat /etc/hostname; grep -c . /etc/hosts; grep elsewhere /etc/hosts')],
      restartPolicy: 'Never',
    });
    expect(await said('named')).toBe(
      'db.data.default.svc.cluster.local\ndb.data.default.svc.cluster.local\n10\n192.0.2.9\telsewhere\n',
    );
  });
});

describe('a host port', () => {
  it("leads to the pod from the node, from its loopback and from the pod itself, until the pod's end", async () => {
    await scene.create('mapped', {
      containers: [
        {
          name: 'main',
          image: 'k8s.gcr.io/serve_hostname',
          ports: [{ containerPort: 9376, hostPort: 8080 }],
        },
      ],
    });
    const pod = await scene.podWhere('mapped', scene.isReady);
    const { hostIP } = pod.status ?? {};
    const ask = (host: string | undefined) => ['curl', '-s', '--max-time', '5', `http://${host}:8080`];
    expect(await scene.onNode(ask(hostIP))).toBe('mapped');
    expect(await scene.onNode(ask('127.0.0.1'))).toBe('mapped');
    expect(await scene.inside(pod, 'main', ask(hostIP))).toBe('mapped');
    await scene.delete('mapped');
    await scene.until(async () => !/CNI-DN-/.test(await scene.onNode(['iptables-save', '-t', 'nat'])));
  });
});

describe('what a container may do', () => {
  it('is another user, without new privileges and with its sysctls', async () => {
    await scene.create('user', {
      securityContext: {
        runAsUser: 1000,
        runAsGroup: 3000,
        fsGroup: 2000,
        sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '80' }],
      },
      volumes: [{ name: 'data', emptyDir: {} }],
      containers: [
        shell(
          [
            'id -u; id -g',
            'cat /proc/sys/net/ipv4/ip_unprivileged_port_start',
            'grep NoNewPrivs /proc/self/status',
            'touch /data/x && echo written',
            '(touch /usr/x) 2>/dev/null || echo refused',
          ].join('\n'),
          {
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
            securityContext: { allowPrivilegeEscalation: false },
          },
        ),
      ],
      restartPolicy: 'Never',
    });
    // This sandbox maps root alone: the user lives in a namespace of its own.
    expect(await said('user')).toMatch(/^1000\n3000\n80\nNoNewPrivs:\t1\nwritten\n/);
  });

  it('is nothing where the node refuses it', async () => {
    await scene.create('forbidden', {
      securityContext: { sysctls: [{ name: 'vm.swappiness', value: '1' }] },
      containers: [shell('true')],
    });
    const pod = await scene.podWhere('forbidden', ({ status }) => status?.phase === 'Failed');
    expect(pod.status?.reason).toBe('SysctlForbidden');
    await scene.create('never-root', {
      containers: [shell('true', { securityContext: { runAsNonRoot: true } })],
    });
    const waiting = await scene.podWhere(
      'never-root',
      ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
    );
    expect(waiting.status?.containerStatuses?.[0]?.state?.waiting?.message).toMatch(
      /^container has runAsNonRoot and image will run as root/,
    );
  });

  it('is more when it is privileged', async () => {
    await scene.create('privileged', {
      containers: [
        shell(
          'echo 1 > /proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward; ip link add name b0 type bridge && echo made',
          {
            securityContext: { privileged: true },
          },
        ),
      ],
      restartPolicy: 'Never',
    });
    expect(await said('privileged')).toBe('1\nmade\n');
  });
});

describe('a static pod', () => {
  it('runs from its manifest, shows in the API, comes back there, and goes with its file', async () => {
    const folder = '/run/v9s/nodes/control-plane/manifests';
    const write = (greeting: string) => {
      const container = {
        name: 'main',
        image: 'busybox',
        command: ['sh', '-c', `echo ${greeting}; exec sleep 600`],
      };
      const text = JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'static' },
        spec: { containers: [container], terminationGracePeriodSeconds: 0 },
      });
      return scene.onNode([
        'sh',
        '-c',
        `printf '%s' "$0" > ${folder}/.new; mv ${folder}/.new ${folder}/static.json`,
        text,
      ]);
    };
    await write('one');
    const name = 'static-control-plane';
    const running = (): Promise<boolean> =>
      scene.client.get(resources.pods, { name, namespace }).then(
        (pod) => scene.isReady(pod) && !pod.metadata?.deletionTimestamp,
        () => false,
      );
    await scene.until(running);
    const first = await scene.podWhere(name, scene.isReady);
    const uid = first.metadata?.annotations?.['kubernetes.io/config.mirror'] ?? '';
    const folderOf = (hash: string) => ({ ...first, metadata: { ...first.metadata, uid: hash } });
    expect(await scene.log(folderOf(uid), 'main')).toBe('one\n');

    await scene.client.delete(resources.pods, { name, namespace });
    const isOther = (pod: { metadata?: { uid?: string } }) => pod.metadata?.uid !== first.metadata?.uid;
    await scene.until(
      async () => (await running()) && isOther(await scene.client.get(resources.pods, { name, namespace })),
    );
    // The mirror was deleted, not the pod.
    expect(await scene.log(folderOf(uid), 'main')).toBe('one\n');

    await write('two');
    const second = await scene.until(async () => {
      const { items } = await scene.client.list(resources.pods, { namespace });
      const found = items.find(({ metadata }) => metadata?.name === name);
      const hash = found?.metadata?.annotations?.['kubernetes.io/config.mirror'];
      return found && hash !== uid && scene.isReady(found) && hash;
    });
    expect(await scene.log(folderOf(second), 'main')).toBe('two\n');
    await scene.onNode(['rm', `${folder}/static.json`]);
    await scene.until(async () => {
      const { items } = await scene.client.list(resources.pods, { namespace });
      const left = await scene.onNode(['ls', '/run/v9s/nodes/control-plane/pods']);
      return !items.some(({ metadata }) => metadata?.name === name) && !left.includes(second);
    });
  });
});
