import type { Register } from './options.ts';

/** `v9s doctor`: what this machine allows, and what to do about each lack. */
export const register: Register = (program, finish) => {
  program
    .command('doctor')
    .description("say what this machine's kernel and packages allow, with the fix for each lack")
    .action(async () => {
      const { checkMachine } = await import('../../lab/doctor.ts');
      const checks = await checkMachine();
      for (const { name, ok, required, detail, fix } of checks) {
        const mark = ok ? '✓' : required ? '✗' : '-';
        process.stdout.write(`${mark} ${name}${detail ? `: ${detail}` : ''}\n`);
        if (!ok && fix) process.stdout.write(`    ${fix}\n`);
      }
      const lacking = checks.filter(({ ok, required }) => !ok && required);
      if (lacking.length > 0) {
        process.stdout.write(
          `\nThis machine cannot hold a cluster yet: ${lacking.map(({ name }) => name).join(', ')}\n`,
        );
        finish(1);
      }
    });
};
