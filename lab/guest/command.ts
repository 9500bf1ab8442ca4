/** What a guest kernel is asked to run. */
export interface GuestOptions {
  /** Default: this process's. */
  readonly cwd?: string;
  /** Replaces the environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** As the kernel reads it; default `1G`. Only what is used is taken. */
  readonly memory?: string;
  /** Where output goes: to ours, or into the result. Default `inherit`. */
  readonly output?: 'inherit' | 'capture';
  /** Sees standard output as it comes, where it is captured. */
  readonly onOutput?: (chunk: Buffer) => void;
  /**
   * Socket of a hub (hub.ts): guests that have the same are joined by an Ethernet link, `vec0`. Without, a guest has no
   * network. User-mode Linux alone.
   */
  readonly hub?: string;
  /** Ends the guest. */
  readonly signal?: AbortSignal;
}

export interface GuestResult {
  readonly exitCode: number;
  /** Empty unless captured. */
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Read by the guest's shell. User namespaces of this kernel cannot use IPVS, so labs do without. Temporary files
 * are the guest's own, in memory: here nobody can tell which of the machine's are in use.
 */
export function commandScript(
  command: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const set = Object.entries({ PATH: process.env.PATH, ...env, ...guestEnvironment })
    .filter(([name]) => /^[A-Za-z_]\w*$/.test(name))
    .flatMap(([name, value]) => (value === undefined ? [] : [`export ${name}=${quoted(value)}`]));
  const words = command.map(quoted).join(' ');
  return [...set, `cd ${quoted(cwd)} && exec ${words}`, ''].join('\n');
}

const guestEnvironment = { TMPDIR: '/dev/shm', V9S_USER_NAMESPACE: 'shared' };

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** The last lines of what a kernel said. */
export const tail = (text: string): string => text.trim().split('\n').slice(-12).join('\n');
