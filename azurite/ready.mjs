// Whether Azurite answers. As a program it ends with 0 when all three services do, else with 1 and a sentence:
//
//   node ready.mjs [--wait SECONDS]        host and ports from AZURITE_HOST, AZURITE_BLOB_PORT, AZURITE_QUEUE_PORT, AZURITE_TABLE_PORT
import http from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";

/** Any HTTP answer will do: without a signature it is a 4xx. */
function answers(host, port) {
  return new Promise((resolve) => {
    const request = http.get({ host, port, path: "/", timeout: 2_000, agent: false }, (reply) => {
      reply.resume();
      resolve(true);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
  });
}

/** Resolves once every port answers HTTP; rejects after the limit, naming those that do not. */
export async function waitUntilReady(host, ports, limitMs) {
  const end = performance.now() + limitMs;
  for (let missing = ports; ; await pause(50)) {
    const state = await Promise.all(missing.map(async (port) => [port, await answers(host, port)]));
    missing = state.filter(([, ready]) => !ready).map(([port]) => port);
    if (missing.length === 0) return;
    if (performance.now() >= end) throw new Error(`Azurite does not answer on ${host}, port ${missing.join(", ")}.`);
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const wait = process.argv.indexOf("--wait");
  const { AZURITE_HOST, AZURITE_BLOB_PORT, AZURITE_QUEUE_PORT, AZURITE_TABLE_PORT } = process.env;
  const host = !AZURITE_HOST || AZURITE_HOST === "0.0.0.0" ? "127.0.0.1" : AZURITE_HOST;
  try {
    await waitUntilReady(
      host, [AZURITE_BLOB_PORT || "10000", AZURITE_QUEUE_PORT || "10001", AZURITE_TABLE_PORT || "10002"],
      wait < 0 ? 0 : Number(process.argv[wait + 1]) * 1_000);
  } catch (late) {
    console.error(late.message);
    process.exitCode = 1;
  }
}
