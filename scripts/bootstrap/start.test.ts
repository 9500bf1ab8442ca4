import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

const starter = new URL('start.mjs', import.meta.url).href;

/** A process that starts `program` with Node.js through start.mjs and ends as it ends. */
function launch(program: string) {
  const launcher = `
    const { start, endAs } = await import(${JSON.stringify(starter)});
    endAs(await start(process.execPath, ['-e', ${JSON.stringify(program)}]));`;
  return spawn(process.execPath, ['--input-type=module', '-e', launcher], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
}

async function ending(
  child: ReturnType<typeof launch>,
): Promise<{ code: number | null; signal: string | null }> {
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal };
}

describe('a started program', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)('gets %s', async (signal) => {
    const child = launch(`
      process.on('${signal}', () => { console.log('got ${signal}'); process.exit(7); });
      setInterval(() => {}, 1000);
      console.log('ready');`);
    const ended = ending(child);
    let output = '';
    for await (const chunk of child.stdout) {
      output += chunk;
      if (output === 'ready\n') child.kill(signal);
    }
    expect(output).toBe(`ready\ngot ${signal}\n`);
    expect(await ended).toEqual({ code: 7, signal: null });
  });

  it('gives its exit status', async () => {
    expect(await ending(launch('process.exit(3)'))).toEqual({ code: 3, signal: null });
  });

  it('gives the signal that ended it', async () => {
    const child = launch("process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000);");
    expect(await ending(child)).toEqual({ code: null, signal: 'SIGTERM' });
  });
});
