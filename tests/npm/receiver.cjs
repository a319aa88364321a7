// A receiver of webhooks that knows nothing of us: the reference library of Standard Webhooks says what is genuine.
// node receiver.cjs SECRET: prints its port, then each body it verified, one a line. What it does not verify is 401.

const { createServer } = require("node:http");
const { Webhook } = require("standardwebhooks");

const webhook = new Webhook(process.argv[2]);
const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts).toString("utf8");
    try {
      webhook.verify(body, request.headers);
      process.stdout.write(JSON.stringify({ id: request.headers["webhook-id"], body: JSON.parse(body) }) + "\n");
      response.writeHead(204).end();
    } catch (error) {
      process.stderr.write(`${error.name}: ${error.message}\n`);
      response.writeHead(401).end();
    }
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
