import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DataplaneProcess } from '../../dataplane/main.ts';
import { resolveOptions } from '../spec.ts';
import { stateDir, writeSpec } from '../state.ts';
import { createProxy, type ProxySettings } from './proxy.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-proxy-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Dataplanes that write down what becomes of them, and come up when told to. */
function setUp() {
  const state = stateDir(folder);
  const story: string[] = [];
  const waiting = new Map<string, (error?: Error) => void>();
  const whole = new AbortController();
  const proxy = createProxy(
    {
      state,
      runDir: join(folder, 'run'),
      async start({ mode, takeOver }: ProxySettings, { signal }): Promise<DataplaneProcess> {
        signal.addEventListener('abort', () => story.push(`${mode} ends`));
        await new Promise<void>((resolve, reject) => {
          waiting.set(mode, (error) => (error ? reject(error) : resolve()));
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
        await takeOver?.();
        story.push(`${mode} writes`);
        const nothing = () => Promise.resolve();
        return { verify: nothing, cleanup: nothing, stopped: nothing };
      },
    },
    { signal: whole.signal },
  );
  const set = (dataplane: 'iptables' | 'nftables' | 'ipvs') => {
    writeSpec(state, { ...resolveOptions({ dataplane }), dataplane });
    return proxy.settle();
  };
  const said = () => JSON.parse(readFileSync(join(folder, 'run/dataplane'), 'utf8')).dataplane;
  return { set, story, said, comesUp: (mode: string, error?: Error) => waiting.get(mode)?.(error) };
}

test('the next one ends the one before when it knows what to write', async () => {
  const { set, story, said, comesUp } = setUp();
  const first = set('iptables');
  comesUp('iptables');
  await first;
  const second = set('nftables');
  expect(story).toEqual(['iptables writes']);
  comesUp('nftables');
  await second;
  expect(story).toEqual(['iptables writes', 'iptables ends', 'nftables writes']);
  expect(said()).toBe('nftables');
});

test('the last of several wins, whatever became of those between', async () => {
  const { set, story, said, comesUp } = setUp();
  const first = set('iptables');
  comesUp('iptables');
  await first;
  const second = set('nftables');
  const third = set('ipvs');
  comesUp('ipvs');
  await Promise.all([second, third]);
  expect(story).toEqual(['iptables writes', 'iptables ends', 'nftables ends', 'ipvs writes']);
  expect(said()).toBe('ipvs');
});

test('one that cannot be started leaves the one before alone; the first has to start', async () => {
  const { set, story, said, comesUp } = setUp();
  const failing = set('iptables');
  comesUp('iptables', new Error('no tools'));
  await expect(failing).rejects.toThrow('no tools');
  const first = set('iptables');
  comesUp('iptables');
  await first;
  const second = set('nftables');
  comesUp('nftables', new Error('no nft'));
  await second;
  expect(story.filter((line) => line.startsWith('iptables'))).toEqual(['iptables ends', 'iptables writes']);
  expect(said()).toBe('iptables');
});
