import { expect, test } from 'vitest';
import { chooseIptablesTools, withIptablesTools } from './iptables-tools.ts';
import { CommandError, type Kernel } from './run.ts';

/** A machine with these tool sets, whose tables are as these texts say; what is missing cannot be run. */
function machine({
  installed = ['nft', 'legacy'],
  nft,
  legacy,
}: {
  installed?: readonly string[];
  nft?: string;
  legacy?: string;
}) {
  const commands: string[] = [];
  const kernel: Kernel = {
    async run(file, args) {
      commands.push([file, ...args].join(' '));
      const stdout = (text: string) => ({ stdout: text, stderr: '' });
      if (file === 'sh')
        return stdout(
          `${installed.map((one) => `/usr/sbin/iptables-${one}-restore\n`).join('')}${legacy ? 'nat\n' : ''}`,
        );
      const saved = file.includes('nft') ? nft : legacy;
      if (saved === undefined) throw new CommandError({ file, args }, 1, '', 'no such table');
      return stdout(file.startsWith('ip6') ? '' : saved);
    },
  };
  return { kernel, commands };
}

const rules = (count: number) => `*nat\n:X - [0:0]\n${'-A X -j RETURN\n'.repeat(count)}COMMIT\n`;
const hint = '*mangle\n:KUBE-IPTABLES-HINT - [0:0]\nCOMMIT\n';
const canary = '*mangle\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n';

test.each([
  ['nothing anywhere', { nft: '' }, 'nft'],
  ['rules of nft alone', { nft: rules(3) }, 'nft'],
  ['more rules of legacy', { nft: rules(2), legacy: rules(3) }, 'legacy'],
  ['as many of both', { nft: rules(3), legacy: rules(3) }, 'nft'],
  ['the kubelet’s hint in nft', { nft: hint, legacy: rules(9) }, 'nft'],
  ['the kubelet’s hint in legacy', { nft: rules(9), legacy: hint }, 'legacy'],
  ['an older kubelet’s canary in legacy', { nft: rules(9), legacy: canary }, 'legacy'],
  ['both hints', { nft: hint, legacy: hint }, 'nft'],
  ['a kernel without nf_tables', { legacy: rules(0) }, 'legacy'],
  ['only legacy tools', { installed: ['legacy'], nft: '' }, 'legacy'],
  ['only nft tools', { installed: ['nft'], nft: '', legacy: rules(1) }, 'nft'],
  ['neither by its full name', { installed: [], nft: '' }, undefined],
] as const)('%s', async (_, tables, tools) => {
  expect((await chooseIptablesTools(machine(tables).kernel)).tools).toBe(tools);
});

test('without legacy tables nothing is counted, and no table comes into being', async () => {
  const { kernel, commands } = machine({ nft: rules(3) });
  const { saved } = await chooseIptablesTools(kernel);
  expect(saved).toBe(rules(3));
  expect(commands.filter((command) => command.includes('-save'))).toEqual(['iptables-nft-save']);
});

test('rules of both kinds are counted', async () => {
  const { kernel } = machine({ nft: rules(2), legacy: rules(3) });
  expect((await chooseIptablesTools(kernel)).rules).toEqual({ nft: 2, legacy: 3 });
});

test('the names of commands become those of the tool set, others stay', async () => {
  const { kernel, commands } = machine({ nft: '', legacy: '' });
  const chosen = withIptablesTools(kernel, 'legacy');
  for (const file of ['iptables', 'iptables-save', 'ip6tables-restore', 'iptables-nft-save', 'ipset'])
    await chosen.run(file, []);
  expect(commands).toEqual([
    'iptables-legacy',
    'iptables-legacy-save',
    'ip6tables-legacy-restore',
    'iptables-nft-save',
    'ipset',
  ]);
});
