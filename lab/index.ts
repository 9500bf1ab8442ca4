/** The door of this room; see README.md. */
export type { ComponentStatus } from './components.ts';
export { attachLab, type EnterOptions, type EnterResult, type Lab } from './handle.ts';
export { type LabOptions, type StartedLab, startLab } from './lab.ts';
export { type ComponentSpec, gateway, type LabNode, outsideAddress, type SocketName } from './spec.ts';
