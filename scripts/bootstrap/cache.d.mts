export function cacheFolder(): string;
export function readIfThere(file: string): string | undefined;
export function writeWhole(file: string, content: string | Uint8Array, mode?: number): void;
export function useCompileCache(): void;
