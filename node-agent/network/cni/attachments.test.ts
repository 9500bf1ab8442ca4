import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKernel } from '../../../kernel/run.ts';
import { createCniNetwork } from './attachments.ts';
import { ConflistError, parseConflist } from './config.ts';
import { CniError } from './plugin.ts';

/**
 * A plugin that writes down what it was told, and answers with `answer-COMMAND`, exit code `exit-COMMAND`, where
 * its folder has those files; with a result that names it otherwise.
 */
const plugin = `#!/bin/sh
here=$(dirname "$0"); me=$(basename "$0"); config=$(cat)
n=$(ls "$here/calls" | wc -l)
{ echo "$me $CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_NETNS $CNI_ARGS $CNI_PATH"; echo "$config"; } > "$here/calls/$(printf %03d $n)"
if [ -e "$here/$me-$CNI_COMMAND" ]; then cat "$here/$me-$CNI_COMMAND"; exit "$(cat "$here/$me-$CNI_COMMAND-exit" 2>/dev/null || echo 0)"; fi
case $CNI_COMMAND in
  VERSION) echo '{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0","1.1.0"]}' ;;
  ADD) echo "{\\"cniVersion\\":\\"1.0.0\\",\\"ips\\":[{\\"address\\":\\"10.1.0.5/24\\"}],\\"by\\":\\"$me\\"}" ;;
esac
`;

let folder = '';
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cni-'));
  await createKernel().run('mkdir', [join(folder, 'calls')]);
  for (const name of ['first', 'second']) {
    writeFileSync(join(folder, name), plugin);
    chmodSync(join(folder, name), 0o755);
  }
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Call {
  by: string;
  command: string;
  told: string;
  config: Record<string, unknown>;
}

function calls(): Call[] {
  return readdirSync(join(folder, 'calls')).map((name) => {
    const [line = '', ...config] = readFileSync(join(folder, 'calls', name), 'utf8').split('\n');
    const [by = '', command = '', ...told] = line.split(' ');
    return { by, command, told: told.join(' '), config: JSON.parse(config.join('\n')) };
  });
}

const answer = (file: string, text: string, exit = 0) => {
  writeFileSync(join(folder, file), text);
  writeFileSync(join(folder, `${file}-exit`), String(exit));
};

function network(list: Record<string, unknown> = {}) {
  const text = JSON.stringify({
    cniVersion: '1.0.0',
    name: 'net',
    plugins: [
      { type: 'first', mtu: 1400 },
      { type: 'second', capabilities: { portMappings: true } },
    ],
    ...list,
  });
  const plugins = { kernel: createKernel(), path: [join(folder, 'nowhere'), folder] };
  return createCniNetwork(parseConflist(text, 'net.conflist'), plugins, join(folder, 'cache'));
}

const portMappings = [{ hostPort: 80, containerPort: 8080, protocol: 'tcp' }];
const attachment = {
  containerId: 'pod-1',
  ifname: 'eth0',
  netns: '/run/netns/x',
  args: 'A=1;B=2',
  capabilities: { portMappings, bandwidth: { ingressRate: 1 } },
};
const told = () => `pod-1 eth0 /run/netns/x A=1;B=2 ${folder}/nowhere:${folder}`;

test('ADD runs the plugins in order, each with the result of the one before', async () => {
  const result = await network().add(attachment);
  expect(result).toMatchObject({ by: 'second', ips: [{ address: '10.1.0.5/24' }] });
  const [first, second] = calls();
  expect(first).toEqual({
    by: 'first',
    command: 'ADD',
    told: told(),
    config: { type: 'first', mtu: 1400, name: 'net', cniVersion: '1.0.0' },
  });
  // `capabilities` is removed; a plugin is told of those that it has, and of no others.
  expect(second?.config).toEqual({
    type: 'second',
    name: 'net',
    cniVersion: '1.0.0',
    runtimeConfig: { portMappings },
    prevResult: { cniVersion: '1.0.0', ips: [{ address: '10.1.0.5/24' }], by: 'first' },
  });
});

test('DEL runs them in reverse, all with the last result, and forgets it', async () => {
  await network().add(attachment);
  const again = network();
  expect(again.attached()).toEqual(['pod-1']);
  await again.del({ containerId: 'pod-1', ifname: 'eth0' });
  const last = calls().slice(2);
  expect(last.map(({ by, command }) => `${by} ${command}`)).toEqual(['second DEL', 'first DEL']);
  for (const { config, told: words } of last) {
    expect(config).toMatchObject({ prevResult: { by: 'second' } });
    expect(words).toBe(told());
  }
  expect(last[0]?.config).toMatchObject({ runtimeConfig: { portMappings } });
  expect(again.attached()).toEqual([]);
  await again.del({ containerId: 'pod-1', ifname: 'eth0' });
  expect(calls().at(-1)?.config).not.toHaveProperty('prevResult');
});

test('CHECK runs them in order with the last result, unless the list forbids it', async () => {
  await network().add(attachment);
  await network().check('pod-1');
  const last = calls().slice(2);
  expect(last.map(({ by, command }) => `${by} ${command}`)).toEqual(['first CHECK', 'second CHECK']);
  for (const { config } of last) expect(config).toMatchObject({ prevResult: { by: 'second' } });
  await network({ disableCheck: true }).check('pod-1');
  await network({ cniVersion: '0.3.1' }).check('pod-1');
  await network().check('nobody');
  expect(calls()).toHaveLength(4);
  answer('first-CHECK', '{"cniVersion":"1.0.0","code":100,"msg":"address is gone"}', 1);
  await expect(network().check('pod-1')).rejects.toThrow(
    'plugin type="first" failed (check): address is gone',
  );
});

test('when ADD fails all are undone, and the code is told', async () => {
  answer('second-ADD', '{"cniVersion":"1.0.0","code":11,"msg":"try again later","details":"busy"}', 1);
  const failure = await network()
    .add(attachment)
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(CniError);
  expect(failure).toMatchObject({
    code: 11,
    message: 'plugin type="second" failed (add): try again later; busy',
  });
  expect(calls().map(({ by, command }) => `${by} ${command}`)).toEqual([
    ...['first ADD', 'second ADD', 'second DEL', 'first DEL'],
  ]);
  expect(network().attached()).toEqual([]);
});

test('what was interrupted between ADD and its end is known, and undone', async () => {
  answer('second-ADD', 'no JSON', 0);
  answer('second-DEL', '', 3);
  await expect(network().add(attachment)).rejects.toThrow(/its answer is not JSON.*undoing it failed too/s);
  expect(network().attached()).toEqual(['pod-1']);
  rmSync(join(folder, 'second-DEL'));
  await network().gc(() => false);
  expect(network().attached()).toEqual([]);
});

test('GC: by DEL for every version, by the plugins themselves from 1.1.0', async () => {
  await network().add(attachment);
  await network().add({ ...attachment, containerId: 'pod-2' });
  const isValid = (id: string) => id === 'pod-2';
  await network({ cniVersion: '1.1.0' }).gc(isValid);
  const last = calls().slice(4);
  expect(last.map(({ by, command }) => `${by} ${command}`)).toEqual([
    ...['second DEL', 'first DEL', 'first GC', 'second GC'],
  ]);
  expect(last[2]?.config).toMatchObject({
    'cni.dev/valid-attachments': [{ containerID: 'pod-2', ifname: 'eth0' }],
  });
  await network({ cniVersion: '1.1.0', disableGC: true }).gc(isValid);
  await network().gc(isValid);
  expect(calls()).toHaveLength(8);
});

test('VERSION is asked of every plugin, STATUS from 1.1.0', async () => {
  await network().status();
  await network({ cniVersion: '1.1.0' }).status();
  expect(calls().map(({ by, command }) => `${by} ${command}`)).toEqual([
    ...[
      'first VERSION',
      'second VERSION',
      'first VERSION',
      'first STATUS',
      'second VERSION',
      'second STATUS',
    ],
  ]);
  await expect(network({ cniVersion: '0.3.1' }).status()).rejects.toThrow(
    'plugin first has CNI 0.4.0, 1.0.0, 1.1.0, not 0.3.1',
  );
  answer('first-STATUS', '{"cniVersion":"1.1.0","code":50,"msg":"not available"}', 1);
  await expect(network({ cniVersion: '1.1.0' }).status()).rejects.toMatchObject({ code: 50 });
});

test('a plugin that is missing, or dies without a word of the specification, is named', async () => {
  await expect(network({ plugins: [{ type: 'third' }] }).add(attachment)).rejects.toThrow(
    `failed to find plugin "third" in path [${folder}/nowhere ${folder}]`,
  );
  writeFileSync(join(folder, 'first'), '#!/bin/sh\necho oh no >&2; exit 4\n');
  await expect(network().add(attachment)).rejects.toThrow('plugin type="first" failed (add): oh no');
});

describe('parseConflist', () => {
  const parse = (value: unknown) => parseConflist(JSON.stringify(value), 'a.conflist');
  const plugins = [{ type: 'bridge' }];

  test.each([
    [
      { name: 'a b', plugins, cniVersion: '1.0.0' },
      'a.conflist: name "a b" must begin with a letter or digit',
    ],
    [{ plugins, cniVersion: '1.0.0' }, 'name undefined'],
    [{ name: 'a', plugins, cniVersion: '2.0.0' }, 'cniVersion "2.0.0" must be one of 0.3.0'],
    [{ name: 'a', plugins: [], cniVersion: '1.0.0' }, 'at least one plugin'],
    [
      { name: 'a', plugins: [{ type: '../sh' }], cniVersion: '1.0.0' },
      'plugins[0].type must be the name of a program',
    ],
    [[], 'must be a JSON object'],
  ])('refuses %j', (value, message) => {
    expect(() => parse(value)).toThrow(ConflistError);
    expect(() => parse(value)).toThrow(message);
  });

  test('takes the configuration of a single plugin for a list', () => {
    const { plugins: list, name } = parse({ cniVersion: '0.4.0', name: 'one', type: 'bridge', mtu: 9 });
    expect(name).toBe('one');
    expect(list).toMatchObject([{ type: 'bridge', mtu: 9 }]);
  });
});
