// A peer: Fastify with Microsoft's SDK.
import fastify from "fastify";
import { issueToken, myToken, port } from "./operations.mjs";

const app = fastify({ bodyLimit: 16 * 1024 });
const send = (reply, { status, body }) => reply.code(status).header("Cache-Control", "no-store").send(body);
app.post("/api/identities/:id/tokens", async (request, reply) =>
  send(reply, await issueToken(request.headers, request.params.id, request.body)));
app.post("/api/me/token", async (request, reply) => send(reply, await myToken(request.headers)));
app.get("/api/health", async (_, reply) => send(reply, { status: 200, body: { status: "alive" } }));
await app.listen({ port, host: "127.0.0.1" });
