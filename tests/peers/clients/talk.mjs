// What all scripts of Node do, as talk.py: a client is made, its methods are called, and what they return is printed.
export async function talk(Client) {
  let given = "";
  for await (const part of process.stdin.setEncoding("utf8")) given += part;
  const { client: account, calls } = JSON.parse(given);
  const client = new Client(account);
  const answers = [];
  for (const [method, options] of calls) answers.push(await client[method](options));
  process.stdout.write(JSON.stringify(answers));
}
