// Node's own cryptography, for apps of phones that have no library: what each of them signs, by its source.
import { createHmac } from "node:crypto";
import { talk } from "./talk.mjs";

class Apps {
  constructor({ key }) {
    this.key = key;
  }

  smsgate({ body, time }) {
    return { "X-Signature": this.hmac(body + time).digest("hex"), "X-Timestamp": String(time) };
  }

  textbee({ body }) {
    return { "X-Signature": this.hmac(body).digest("hex") };
  }

  smsforwarder({ time }) {
    const timestamp = `${time}000`;
    return { timestamp, sign: encodeURIComponent(this.hmac(`${timestamp}\n${this.key}`).digest("base64")) };
  }

  hmac(text) {
    return createHmac("sha256", this.key).update(text);
  }
}

await talk(Apps);
