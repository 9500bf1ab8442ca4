import { mkdirSync } from 'node:fs';
import type { ProxyMode } from '../../dataplane/configuration.ts';
import type { DataplaneConfig, DataplaneProcess } from '../../dataplane/main.ts';
import { dataplaneFile, settingsText } from '../dataplane-file.ts';
import { isOurs } from '../programs.ts';
import type { ClusterSpec } from '../spec.ts';
import { readSpec, type StateDir, writeWhole } from '../state.ts';
import { formerModes } from './former-modes.ts';

/** What of a dataplane follows from the cluster's spec, and from who was here before. */
export type ProxySettings = Pick<
  DataplaneConfig,
  'mode' | 'configuration' | 'emulatedVersion' | 'formerModes' | 'takeOver'
>;

export interface ProxyOptions {
  readonly state: StateDir;
  /** Of the node; ends with it. */
  readonly runDir: string;
  start(settings: ProxySettings, scope: { signal: AbortSignal }): Promise<DataplaneProcess>;
}

/** The dataplane of a node's process. */
export interface Proxy {
  /**
   * Brings it to what cluster.json says now, and notes in the node's {@link dataplaneFile} when it is there. The one
   * that runs is ended when the next one knows all that it has to write; where that cannot be started, this is said
   * and the one before goes on. Rejects where there is none before.
   */
  settle(): Promise<void>;
}

/** One that has been begun; those before the newest end when that takes over. */
interface Run {
  readonly settings: string;
  readonly stop: AbortController;
  readonly started: Promise<DataplaneProcess>;
}

export function createProxy(
  { state, runDir, start }: ProxyOptions,
  { signal }: { signal: AbortSignal },
): Proxy {
  let runs: Run[] = [];

  async function end({ stop, started }: Run): Promise<void> {
    stop.abort();
    // One that never came up writes nothing, and whoever began it is told.
    await (await started.catch(() => undefined))?.stopped();
  }

  function begin(spec: ClusterSpec, mode: ProxyMode, settings: string): Run {
    const before = runs;
    const stop = new AbortController();
    const started = start(
      {
        mode,
        formerModes: formerModes(runDir, mode),
        configuration: {
          clusterCIDR: spec.podCidrs.join(','),
          nftables: { layout: spec.nftablesLayout ?? 'upstream' },
        },
        emulatedVersion: spec.emulatedVersion,
        ...(before.length > 0
          ? {
              takeOver: async () => {
                await Promise.all(before.map(end));
                runs = runs.filter((one) => !before.includes(one));
              },
            }
          : {}),
      },
      { signal: AbortSignal.any([signal, stop.signal]) },
    );
    return { settings, stop, started };
  }

  return {
    async settle() {
      const spec = readSpec(state);
      if (!spec || signal.aborted) return;
      // Whoever is to run in the place of ours is a component of its own.
      const mode = isOurs(spec, 'kube-proxy') ? spec.dataplane : 'none';
      const settings = settingsText(spec);
      if (settings === runs.at(-1)?.settings) return;
      mkdirSync(runDir, { recursive: true });
      if (mode === 'none') return void formerModes(runDir, mode);
      const run = begin(spec, mode, settings);
      runs = [...runs, run];
      try {
        await run.started;
      } catch (error) {
        const ended = signal.aborted || run.stop.signal.aborted;
        runs = runs.filter((one) => one !== run);
        run.stop.abort();
        if (ended) return;
        if (runs.length === 0) throw error;
        process.stderr.write(
          `dataplane: mode ${mode} cannot be started, ${runs.at(-1)?.settings} goes on: ${error}\n`,
        );
      }
      if (!signal.aborted && run === runs.at(-1)) writeWhole(dataplaneFile(runDir), `${settings}\n`);
    },
  };
}
