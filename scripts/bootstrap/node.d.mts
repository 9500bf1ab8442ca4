/** Whether the Node.js that runs this file can run the project's programs itself. */
export function newEnough(current?: string): boolean;
/** Path of a Node.js that runs the project's programs; fetched through npm when there is none yet. */
export function ensureNode(): Promise<string>;
