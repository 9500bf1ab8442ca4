import { expect, test } from 'vitest';
import type { Command, Kernel } from '../../kernel/run.ts';
import { proxyConfiguration } from '../configuration.ts';
import { applySettings, wantedSettings } from './settings.ts';

/** A kernel of parameters alone; those in `fixed` keep their value, as a network namespace of its own does. */
function kernelWith(values: Record<string, number>, fixed: readonly string[] = []) {
  const written: Command[] = [];
  const kernel: Kernel = {
    async run(file, args) {
      if (file !== 'sysctl') throw new Error(`${file}: not here`);
      const names = args.filter((arg) => arg.includes('.'));
      if (args.includes('-w')) {
        written.push({ file, args: names });
        for (const [name = '', value] of names.map((one) => one.split('=')))
          if (!fixed.includes(name)) values[name] = Number(value);
        return { stdout: '', stderr: '' };
      }
      const line = (name: string) => (args.includes('-n') ? `${values[name]}` : `${name} = ${values[name]}`);
      return {
        stdout: `${names
          .filter((name) => name in values)
          .map(line)
          .join('\n')}\n`,
        stderr: '',
      };
    },
  };
  return { kernel, values, written };
}

const netfilter = 'net.netfilter.nf_conntrack_';

test('the size of the table follows the cores, and has a floor', () => {
  const max = (conntrack: object, cores: number) =>
    wantedSettings(proxyConfiguration({ conntrack }), cores)[`${netfilter}max`];
  expect(max({}, 8)).toBe(8 * 32_768);
  expect(max({}, 2)).toBe(131_072);
  expect(max({ maxPerCore: 0 }, 8)).toBeUndefined();
});

test('zero leaves the kernel’s own, liberal mode is only ever switched on', () => {
  const names = Object.keys(
    wantedSettings(
      proxyConfiguration({
        conntrack: { maxPerCore: 0, tcpEstablishedTimeout: '0s', tcpBeLiberal: true, udpTimeout: '45s' },
        iptables: { localhostNodePorts: false },
      }),
    ),
  );
  expect(names).toEqual(
    ['tcp_timeout_close_wait', 'tcp_be_liberal', 'udp_timeout'].map((name) => netfilter + name),
  );
});

test('only what is lower is raised', async () => {
  const { kernel, values, written } = kernelWith({ 'a.low': 1, 'a.high': 10 });
  await applySettings(kernel, { 'a.low': 5, 'a.high': 5, 'a.missing': 5 });
  expect(values).toEqual({ 'a.low': 5, 'a.high': 10 });
  expect(written.map(({ args }) => args)).toEqual([['a.low=5']]);
});

test('what the kernel refuses is said, after the others are set', async () => {
  const { kernel, values } = kernelWith({ 'a.max': 1, 'a.other': 1 }, ['a.max']);
  await expect(applySettings(kernel, { 'a.max': 5, 'a.other': 5 })).rejects.toThrow('a.max (wanted 5)');
  expect(values['a.other']).toBe(5);
});
