// The library jose, which makes such tokens as httpSMS does.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { talk } from "./talk.mjs";

const { SignJWT } = await import(pathToFileURL(join(process.env.JOSE, "webapi", "index.js")));

class Account {
  constructor({ key }) {
    this.key = new TextEncoder().encode(key);
  }

  async sign({ url, time }) {
    const claims = { iss: "api.httpsms.com", sub: "user-1", aud: [url], exp: time + 600, nbf: time - 600, iat: time };
    const token = await new SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "JWT" }).sign(this.key);
    return { Authorization: `Bearer ${token}` };
  }
}

await talk(Account);
