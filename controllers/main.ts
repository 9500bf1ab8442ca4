import type { Client } from '../api/client.ts';
import { createContext, defaultSettings, earlyInformers, type Settings, startInformers } from './context.ts';
import { controllers as inOrder } from './order.ts';
import { startScheduler } from './scheduler/scheduler.ts';

/** What {@link startControllers} needs; all but `client` and `clusterCidrs` have kube-controller-manager's defaults. */
export interface ControllersConfig extends Partial<Omit<Settings, 'clusterCidrs'>> {
  /** The only way these controllers reach the cluster. */
  client: Client;
  /** Where nodes' podCIDRs come from: one IPv4 or IPv6 CIDR, or one of each. Empty: nodes get none. */
  clusterCidrs: readonly string[];
  /** False: somebody else's do their work; default true. */
  controllers?: boolean;
  /** False: somebody else assigns pods to nodes, or nobody does; default true. */
  scheduler?: boolean;
  /** Told of every failure that is retried; default: a line on standard error. */
  onError?: (controller: string, message: string) => void;
}

export interface Controllers {
  /** Resolves once every informer has its first list and every controller runs. */
  ready: Promise<void>;
}

/**
 * Starts the controllers and the scheduler; they end with `signal`. Everything is driven by watches, and
 * any of it may be killed and started again at any moment.
 */
export async function startControllers(
  { client, controllers = true, scheduler = true, onError = printError, ...settings }: ControllersConfig,
  { signal }: { signal: AbortSignal },
): Promise<Controllers> {
  const { promise: later, resolve: beginLate } = Promise.withResolvers<void>();
  const informers = startInformers(
    client,
    signal,
    (error) => onError('informer', error instanceof Error ? error.message : String(error)),
    later,
  );
  const context = createContext({
    client,
    informers,
    settings: { ...defaultSettings, ...settings },
    signal,
    onError,
  });
  const ready = Promise.all(earlyInformers(informers).map(({ synced }) => synced)).then(() => {
    if (signal.aborted) return;
    for (const start of inOrder) if (start === startScheduler ? scheduler : controllers) start(context);
    setTimeout(beginLate, context.settings.rolesDelayMs).unref();
  });
  return { ready };
}

function printError(controller: string, message: string): void {
  process.stderr.write(`${new Date().toISOString()} ${controller}: ${message}\n`);
}
