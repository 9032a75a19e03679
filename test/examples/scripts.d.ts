/** The scripts of the examples are plain JavaScript: whatever they export is `any` here. */
declare module '*.mjs';
