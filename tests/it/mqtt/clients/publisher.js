// Publishes with Node's mqtt as the test says; prints a line a step. Arguments: port, 3 or 5.
"use strict";
const assert = require("assert");
const mqtt = require("mqtt");

const port = Number(process.argv[2]);
const v5 = process.argv[3] === "5";
const TOPIC = "skytier/v1/stations/s1/readings";
const STATUS = "skytier/v1/stations/s1/status";

const event = (own, name) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name}`)), 10000);
    own.once(name, () => { clearTimeout(timer); resolve(); });
  });
const publish = (own, payload, qos) =>
  new Promise((resolve, reject) =>
    own.publish(TOPIC, payload, { qos }, (fault) => (fault ? reject(fault) : resolve())));
const end = (own, force) => new Promise((resolve) => own.end(force, {}, resolve));

async function client(clientId, more = {}) {
  const own = mqtt.connect({
    host: "127.0.0.1", port, clientId, protocolVersion: v5 ? 5 : 4,
    reconnectPeriod: 0, ...more,
  });
  own.on("error", () => {});
  await event(own, "connect");
  return own;
}

async function main() {
  const will = { will: { topic: STATUS, payload: "offline", qos: 1, retain: true } };
  const own = await client("node");
  for (const qos of [0, 1, 2]) await publish(own, `qos ${qos}`, qos);
  console.log("published");
  await publish(own, "x".repeat(200 * 1024), 1);
  console.log("large");
  const many = [];
  for (let number = 0; number < 300; number += 1) many.push(publish(own, `many ${number}`, 1 + (number % 2)));
  await Promise.all(many);
  console.log("many");
  await end(own, false);

  const first = await client("same", will);
  const closed = event(first, "close");
  const second = await client("same");
  await closed;
  await publish(second, "taken over", 1);
  await end(second, false);
  console.log("taken over");

  const lost = await client("lost", will);
  const gone = event(lost, "close");
  lost.stream.destroy();
  await gone;
  console.log("lost");

  const silent = await client("silent", { keepalive: 1, ...will });
  // It would ping by itself.
  silent.pingTimer.clear();
  silent.pingTimer = null;
  const begun = Date.now();
  await event(silent, "close");
  const took = Date.now() - begun;
  assert(took > 1200 && took < 8000, `closed after ${took} ms`);
  console.log("silent");
  process.exit(0);
}

main().catch((fault) => { console.error(fault); process.exit(1); });
