// A peer: Express with Microsoft's SDK.
import express from "express";
import { issueToken, myToken, port } from "./operations.mjs";

const app = express().disable("x-powered-by").disable("etag").use(express.json({ limit: "16kb" }));
const send = (response, { status, body }) => response.status(status).set("Cache-Control", "no-store").json(body);
app.post("/api/identities/:id/tokens", async (request, response) =>
  send(response, await issueToken(request.headers, request.params.id, request.body)));
app.post("/api/me/token", async (request, response) => send(response, await myToken(request.headers)));
app.get("/api/health", (_, response) => send(response, { status: 200, body: { status: "alive" } }));
app.listen(port, "127.0.0.1");
