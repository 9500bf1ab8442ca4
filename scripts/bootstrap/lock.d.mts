/** Does the work while holding a lock file; a lock whose owner is dead is taken over. */
export function withLock<T>(file: string, work: () => Promise<T>): Promise<T>;
