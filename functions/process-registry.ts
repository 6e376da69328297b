import { Registry } from "prom-client";

/** The counters of this process. In the embedded stack all functions run in one, and count together. */
export const processRegistry = new Registry();
