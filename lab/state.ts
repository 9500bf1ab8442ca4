import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CgroupAccess } from '../kernel/cgroups/find.ts';
import { isRunning, type ProcessIdentity } from '../kernel/processes.ts';
import type { LabNode } from './spec.ts';

/** `lab.json`: what is needed to find a lab again. */
export interface LabState {
  name: string;
  stateDir: string;
  /** The lab's PID 1, as the host sees it. */
  init: ProcessIdentity;
  /** The `unshare` around it; once it is gone, so is everything of the lab. */
  unshare: ProcessIdentity;
  /** The guard of pasta, on the host; it ends just after the lab. */
  egress?: ProcessIdentity;
  apiPort?: number;
  /** The one node is the machine itself. */
  onMachine?: boolean;
  nodes: readonly LabNode[];
  /** The group of all its processes, which goes with it. */
  cgroups?: CgroupAccess;
  /** RFC 3339. */
  startedAt: string;
}

const file = (stateDir: string) => join(stateDir, 'lab.json');

/** The state of the lab that runs in this directory; undefined when none does, whatever an old file says. */
export function readRunning(stateDir: string): LabState | undefined {
  const state = readState(stateDir);
  return state && isRunning(state.init) && isRunning(state.unshare) ? state : undefined;
}

/** Of the lab that runs in this directory, or did; undefined when there was none. */
export function readState(stateDir: string): LabState | undefined {
  let json: string;
  try {
    json = readFileSync(file(stateDir), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return JSON.parse(json);
}

/** Notes that a running lab has other nodes now. */
export function writeNodes(stateDir: string, nodes: readonly LabNode[]): void {
  const state: LabState = JSON.parse(readFileSync(file(stateDir), 'utf8'));
  writeState({ ...state, nodes });
}

/** Replaces `lab.json` as a whole. */
export function writeState(state: LabState): void {
  const path = file(state.stateDir);
  writeFileSync(`${path}.new`, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
