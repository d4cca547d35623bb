// Starts the emulator for tests in Node.js, as a process on free ports.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Returns the connection string and a function that stops the emulator. The clients need `allowInsecureConnection: true`. */
export async function startEmulator(program = "acs-tokens") {
  const stdio = ["ignore", "pipe", "inherit"];
  const emulator = spawn(program, ["emulator", "--port", "0", "--https-port", "0"], { stdio });
  for await (const line of createInterface({ input: emulator.stdout })) {
    if (line.startsWith("endpoint=http:")) {
      emulator.stdout.resume();
      return { connectionString: line, stop: () => emulator.kill() };
    }
  }
  throw new Error("the emulator did not start");
}
