import { expect, test } from 'vitest';
import { CommandError, type Kernel } from '../../kernel/run.ts';
import { ensureMasquerade } from './masquerade.ts';

/** A node's iptables that have these rules; a chain that exists cannot be made. */
function tables(rules: string) {
  const asked: string[] = [];
  const inputs: string[] = [];
  const kernel: Kernel = {
    async run(file, args, { input = '' } = {}) {
      asked.push(file);
      if (file.endsWith('-save')) return { stdout: rules, stderr: '' };
      inputs.push(input);
      if (/^-N (\S+)/m.test(input) && rules.includes(':FLANNEL'))
        throw new CommandError({ file, args }, 1, 'line 2 failed: Chain already exists.', 'failed');
      return { stdout: '', stderr: '' };
    },
  };
  return { kernel, asked, inputs };
}

test('a new node takes one command', async () => {
  const { kernel, asked, inputs } = tables('');
  await ensureMasquerade(kernel, ['10.244.1.0/24'], ['10.244.0.0/16']);
  expect(asked).toEqual(['iptables-restore']);
  expect(inputs[0]).toMatch(/^\*nat\n-N FLANNEL-POSTRTG\n-A POSTROUTING .* -j FLANNEL-POSTRTG\n/);
});

test('chains that exist are filled anew, and entered once', async () => {
  const { kernel, asked, inputs } = tables(':FLANNEL-POSTRTG - [0:0]\n-A POSTROUTING -j FLANNEL-POSTRTG\n');
  await ensureMasquerade(kernel, ['10.244.1.0/24'], ['10.244.0.0/16']);
  expect(asked).toEqual(['iptables-restore', 'iptables-save', 'iptables-restore']);
  expect(inputs[1]).toContain(':FLANNEL-POSTRTG - [0:0]\n');
  expect(inputs[1]).not.toContain('-A POSTROUTING');
  expect(inputs[1]).toMatch(/-A FORWARD .* -j FLANNEL-FWD/);
});
