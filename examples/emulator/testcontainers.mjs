// Starts the emulator for tests in Node.js, as a container: npm install --save-dev testcontainers
import { GenericContainer, Wait } from "testcontainers";

const KEY = "YWNzLXRva2VucyBlbXVsYXRvcjogYSBwdWJsaXNoZWQgZGV2ZWxvcG1lbnQga2V5LCBub3QgYSBzZWNyZXQhIQ==";

/** Returns the container and its connection string. The clients need `allowInsecureConnection: true`. */
export async function startEmulator() {
  const container = await new GenericContainer("acs-tokens-emulator")
    .withExposedPorts(7072)
    .withWaitStrategy(Wait.forHttp("/health", 7072))
    .start();
  const endpoint = `http://${container.getHost()}:${container.getMappedPort(7072)}/`;
  return { container, connectionString: `endpoint=${endpoint};accesskey=${KEY}` };
}
