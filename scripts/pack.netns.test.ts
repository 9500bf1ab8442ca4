import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from './bootstrap/prepare.mjs';

/** The machine's own Node.js, older than the project's where the machine's is. */
const systemNode =
  ['/usr/bin/node', '/usr/local/bin/node'].find((file) => existsSync(file)) ?? process.execPath;

/** The package as others get it: packed, installed into an empty project, used. */
describe('the package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vethernetes-pack-'));
  const project = join(folder, 'project');
  const name = `pack-${process.pid}`;
  const env = {
    HOME: process.env.HOME,
    XDG_STATE_HOME: join(folder, 'state'),
    NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS,
    PATH: `${join(systemNode, '..')}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`,
  };

  function run(file: string, args: string[], cwd = project): string {
    const result = spawnSync(file, args, { cwd, env, encoding: 'utf8' });
    if (result.status !== 0)
      throw new Error(`${file} ${args.join(' ')}: exit ${result.status}\n${result.stdout}${result.stderr}`);
    return result.stdout;
  }

  beforeAll(() => {
    mkdirSync(project);
    // Packing builds anew; the project's own dist/ is in use by the tests that run beside this one.
    const copy = join(folder, 'copy');
    const left = ['node_modules', 'dist', '.git'].map((name) => join(root, name));
    cpSync(root, copy, { recursive: true, filter: (file) => !left.includes(file) });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    run('npm', ['pack', '--pack-destination', folder, '--loglevel=error'], copy);
    const [tarball = ''] = readdirSync(folder).filter((file) => file.endsWith('.tgz'));
    writeFileSync(
      join(project, 'package.json'),
      JSON.stringify({ name: 'empty', private: true, type: 'module' }),
    );
    run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', join(folder, tarball)]);
  }, 180_000);

  afterAll(() => {
    spawnSync('npx', ['v9s', 'down', '--name', name], { cwd: project, env });
    rmSync(folder, { recursive: true, force: true });
  });

  it('answers npx v9s', () => {
    expect(run('npx', ['v9s', '--version'])).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('starts and ends a cluster', () => {
    expect(run('npx', ['v9s', 'up', '--name', name])).toContain('KUBECONFIG');
    expect(run('npx', ['v9s', 'list'])).toContain(name);
    expect(run('npx', ['v9s', 'exec', '--name', name, 'worker', '--', 'ip', 'route'])).toContain('default');
    run('npx', ['v9s', 'down', '--name', name]);
  });

  it('gives startCluster to vitest', () => {
    for (const [file, text] of Object.entries(consumer)) writeFileSync(join(project, file), text);
    run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...testers()]);
    expect(run('npx', ['vitest', 'run', '--reporter=json'])).toContain('"numPassedTests":1');
  }, 180_000);

  it('declares its types to a strict compiler', () => {
    run('npx', ['tsc', '-p', '.']);
  });
});

/** The versions that the project itself is tested with. */
function testers(): string[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>;
  };
  return ['vitest', 'vite', 'typescript'].map(
    (name) => `${name}@${packages[`node_modules/${name}`]?.version}`,
  );
}

const consumer = {
  'cluster.test.ts': `
import { startCluster } from 'vethernetes';
import { expect, it } from 'vitest';

it('starts a cluster of two nodes', async () => {
  await using cluster = await startCluster({ nodes: 2 });
  const { stdout } = await cluster.node('worker').exec(['ip', 'route']);
  expect(stdout).toContain('default');
}, 30_000);
`,
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      strict: true,
      module: 'nodenext',
      target: 'es2022',
      lib: ['es2022', 'esnext.disposable'],
      skipLibCheck: false,
      types: [],
      noEmit: true,
    },
    files: ['types.ts'],
  }),
  'types.ts': `
import { type Cluster, startCluster } from 'vethernetes';

export async function kubeconfigOf(): Promise<string> {
  await using cluster: Cluster = await startCluster({ nodes: 2 });
  return cluster.kubeconfig;
}
`,
};
