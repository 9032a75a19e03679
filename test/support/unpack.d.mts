export declare function unpack(...archives: string[]): Promise<string>;
