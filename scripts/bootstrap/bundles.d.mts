/** Builds `dist/` when one of the files it was made from has changed. */
export function ensureBundles(root: string): Promise<void>;
