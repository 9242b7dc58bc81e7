// seven.io's own library, which verifies; Node signs.
import { createHash, createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { talk } from "./talk.mjs";

const { WebhookVerifier } = createRequire(import.meta.url)(join(process.env.SEVEN, "seven-client.umd.cjs"));
const NONCE = "0123456789abcdef0123456789abcdef";

class Account {
  constructor({ key }) {
    this.key = key;
  }

  async sign({ url, body, time }) {
    const lines = [time, NONCE, "POST", url, createHash("md5").update(body).digest("hex")];
    const signature = createHmac("sha256", this.key).update(lines.join("\n")).digest("hex");
    const headers = { "X-Timestamp": String(time), "X-Nonce": NONCE, "X-Signature": signature };
    if (!(await this.is_signed({ url, body, headers }))) throw new Error("refused by the library");
    return headers;
  }

  async is_signed({ url, body, headers }) {
    const verifier = new WebhookVerifier({ signingSecret: this.key });
    return (await verifier.verify({ headers, body, method: "POST", url })).valid;
  }
}

await talk(Account);
