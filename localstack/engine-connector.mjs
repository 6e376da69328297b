import { connect } from "node:net";

/**
 * Runs inside the engine's network namespace: for each message of the stack it connects to the engine and hands the
 * socket over, since a socket stays in the namespace that made it. Plain JavaScript, so that it starts in half the time.
 */

const port = Number(process.argv[2]);

process.on("disconnect", () => process.exit());
process.on("message", ({ ask }) => {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  socket.once("error", (error) => process.send?.({ ask, error: error.message }));
  socket.once("connect", () => process.send?.({ ask }, socket));
});
if (!process.connected) process.exit();
