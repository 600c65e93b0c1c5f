// Runs the document's client, whose class stands unchanged in client.js, against a host:
//
//   node run.mjs HOST:PORT TIMES DELAY_MS
//
// Each time: launch a guild, connect, say "Hello Echo!" at once, wait for the echo, stop the guild.
// All sockets go through a proxy that delays what belongs to the user's socket by DELAY_MS each way.
// Ends with 0 when no message was lost.

import { readFileSync } from "node:fs";
import net from "node:net";

const [authority, times, delay] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const ECHO_DEADLINE_MS = 5000;

const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
const RusticAIClient = new Function(`${read("client.js")}; return RusticAIClient;`)();

async function post(path, body, wanted) {
  const answer = await fetch(`http://${authority}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  const text = await answer.text();
  if (!wanted.includes(answer.status)) throw new Error(`POST ${path} answered ${answer.status}: ${text}`);
  return text ? JSON.parse(text) : null;
}

async function blueprint() {
  await post("/catalog/agents", read("agent.json"), [201, 409]);
  const category = await post("/catalog/categories/", read("category.json"), [201]);
  const body = read("blueprint.json").replace("{category_id}", category.id);
  return (await post("/catalog/blueprints/", body, [201])).id;
}

// Passes bytes on, those of a user's socket late. The order stays: timers of one delay fire in order.
function proxy() {
  const [host, port] = authority.split(":");
  const server = net.createServer((client) => {
    const upstream = net.connect({ host, port: Number(port), noDelay: true });
    let wait = null;
    const late = (act) => (wait ? setTimeout(act, wait) : act());
    client.setNoDelay(true);
    client.on("data", (bytes) => {
      wait ??= bytes.includes("/usercomms/") ? delay : 0;
      late(() => upstream.write(bytes));
    });
    upstream.on("data", (bytes) => late(() => client.write(bytes)));
    client.on("end", () => late(() => upstream.end()));
    upstream.on("end", () => late(() => client.end()));
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

function within(milliseconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${milliseconds} ms for ${what}`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function event(client, name, wanted) {
  return new Promise((resolve) => client.on(name, (message) => wanted(message) && resolve(message)));
}

async function chat(via, blueprintId) {
  const guild = await post(`/catalog/blueprints/${blueprintId}/guilds`, read("launch.json"), [201]);
  const client = new RusticAIClient(via, guild.id, "testuser123", "Test User");
  const errors = [];
  const heard = [];
  client.on("error", (error) => errors.push(error));
  client.on("user_message", (message) => heard.push(message));
  const participants = event(client, "system_message", (message) => message.format === "Participants");
  const stopped = event(client, "system_message", (message) => message.format.endsWith("StopGuildResponse"));
  const echo = event(client, "user_message", (message) => message.payload?.text === "Echo: Hello Echo!");

  const from = performance.now();
  await client.connect();
  const ready = performance.now();
  if (client.state !== "ready") throw new Error(`the client is ${client.state}: ${errors}`);
  client.sendChatMessage("Hello Echo!");
  try {
    await within(ECHO_DEADLINE_MS, "the echo", echo);
  } catch (error) {
    throw new Error(`${error.message}; user socket ${client.userWS.readyState}, heard ${JSON.stringify(heard)}, ${errors}`);
  }
  const echoed = performance.now();
  await within(ECHO_DEADLINE_MS, "the participants", participants);
  client.stopGuild();
  await within(ECHO_DEADLINE_MS, "the answer to the stop", stopped);
  client.disconnect();
  return { ready: ready - from, echoed: echoed - ready };
}

const server = await proxy();
const via = `127.0.0.1:${server.address().port}`;
const blueprintId = await blueprint();
let lost = 0;
const spent = [];
for (let time = 1; time <= times; time += 1) {
  try {
    spent.push(await chat(via, blueprintId));
  } catch (error) {
    lost += 1;
    console.log(`chat ${time}: ${error.message}`);
  }
}
const median = (name) => spent.map((one) => one[name]).sort((a, b) => a - b)[spent.length >> 1]?.toFixed(1);
console.log(`${times} chats, user socket ${delay} ms late: ${lost} failed; ready after ${median("ready")} ms, echo after ${median("echoed")} ms (medians)`);
process.exit(lost === 0 ? 0 : 1);
