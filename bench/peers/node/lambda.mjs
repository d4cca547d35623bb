// A peer: a Lambda function with Microsoft's SDK, for events of an HTTP API 2.0. It asks the runtime API itself
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html), because AWS's client for Node compiles libcurl when it is installed.
import { Agent, request } from "node:http";
import { issueToken } from "./operations.mjs";

const agent = new Agent({ keepAlive: true });
const base = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;

function send(method, path, body) {
  return new Promise((resolve, reject) => {
    const sent = request(`${base}/${path}`, { method, agent }, async (response) => {
      let text = "";
      for await (const chunk of response.setEncoding("utf8")) text += chunk;
      resolve({ headers: response.headers, text });
    });
    sent.on("error", reject).end(body);
  });
}

async function handle({ headers, rawPath, body }) {
  const [, , , id] = rawPath.split("/");
  const { status, body: answer } = await issueToken(headers, decodeURIComponent(id), JSON.parse(body));
  const type = { "Content-Type": "application/json", "Cache-Control": "no-store" };
  return { statusCode: status, headers: type, body: JSON.stringify(answer) };
}

for (;;) {
  const { headers, text } = await send("GET", "next");
  await send("POST", `${headers["lambda-runtime-aws-request-id"]}/response`, JSON.stringify(await handle(JSON.parse(text))));
}
