/** The door of this folder, loaded by the commands that are called like kubeadm's, and where a cluster is a machine's. */
export { bootstrapTokenText, generateBootstrapToken } from '../../api/bootstrap-token.ts';
export { attachCluster } from '../cluster.ts';
export { grantJoining, type InitOptions, initCluster } from './init.ts';
export { type JoinOptions, joinLab } from './join.ts';
export { joinFromLab } from './lab-join.ts';
export { bringBack } from './machine.ts';
export { initMachine, type MachineInitOptions } from './machine-init.ts';
export { joinMachine } from './machine-join.ts';
export { resetMachine } from './machine-reset.ts';
export { holderConfig } from './member.ts';
export { resetNode } from './reset.ts';
export { createToken, deleteToken, grantOf, listTokens, tokenTable } from './tokens.ts';
