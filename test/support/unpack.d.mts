export declare function unpack(archive: string): Promise<string>;
