/** What the main thread and a load worker say to each other. */
export {};
