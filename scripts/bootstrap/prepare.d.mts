/** The project's folder. */
export const root: string;
/** Provides everything that a clone lacks; gives the path of the Node.js to go on with. */
export function prepare(options: { cluster: boolean; bundles?: boolean }): Promise<string>;
