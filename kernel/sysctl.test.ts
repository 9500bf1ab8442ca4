import { expect, test } from 'vitest';
import type { Kernel } from './run.ts';
import { ensureSysctls, readSysctls, writeSysctls } from './sysctl.ts';

/** A `/proc/sys` in memory; what is `fixed` refuses to be written, as in a namespace without the right to. */
function kernelWith(values: Record<string, string>, fixed: readonly string[] = []) {
  const written: string[] = [];
  const kernel: Kernel = {
    run: async (file) => Promise.reject(new Error(`${file}: not needed`)),
    files: {
      read: (path) => (path in values ? `${values[path]}\n` : undefined),
      write(path, text) {
        if (!(path in values)) throw Object.assign(new Error(path), { code: 'ENOENT' });
        if (fixed.includes(path)) throw Object.assign(new Error(path), { code: 'EACCES' });
        written.push(path);
        values[path] = text;
      },
    },
  };
  return { kernel, values, written };
}

test('reads what there is, without a command', async () => {
  const { kernel } = kernelWith({ '/proc/sys/net/ipv4/ip_forward': '1' });
  expect(await readSysctls(kernel, ['net.ipv4.ip_forward', 'net.none'])).toEqual({
    'net.ipv4.ip_forward': '1',
  });
});

test('a slash is a dot of the name', async () => {
  const { kernel } = kernelWith({ '/proc/sys/net/ipv4/conf/eth0.5/rp_filter': '2' });
  expect(await readSysctls(kernel, ['net.ipv4.conf.eth0/5.rp_filter'])).toEqual({
    'net.ipv4.conf.eth0/5.rp_filter': '2',
  });
});

test('says which values the kernel refused, after setting the others', async () => {
  const { kernel, values } = kernelWith({ '/proc/sys/a/one': '0', '/proc/sys/a/two': '0' }, [
    '/proc/sys/a/one',
  ]);
  await expect(writeSysctls(kernel, { 'a.one': 1, 'a.two': 1 })).rejects.toThrow(
    'sysctl: the kernel kept its value of a.one (wanted 1)',
  );
  expect(values['/proc/sys/a/two']).toBe('1');
  await expect(writeSysctls(kernel, { 'a.none': 1 })).rejects.toThrow('this kernel has no a.none');
});

test('ensures only what exists and differs', async () => {
  const { kernel, written } = kernelWith({ '/proc/sys/a/one': '1', '/proc/sys/a/two': '0' });
  await ensureSysctls(kernel, { 'a.one': 1, 'a.two': 1, 'a.none': 1 });
  expect(written).toEqual(['/proc/sys/a/two']);
});
