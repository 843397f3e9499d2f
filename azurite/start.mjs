// Starts Azurite in this very process: the process id a caller gets, and kills, is the server's.
//
//   node start.mjs [--blobPort N] [--queuePort N] [--tablePort N] [--location FOLDER | --inMemoryPersistence]
//
// Each also from the environment: AZURITE_BLOB_PORT, AZURITE_QUEUE_PORT, AZURITE_TABLE_PORT, AZURITE_LOCATION, AZURITE_HOST. Defaults: ports
// 10000 to 10002, folder "data" beside this file, host 127.0.0.1 (a container sets 0.0.0.0). An argument wins over the environment.
// Any other option goes to Azurite as it is. Prints "Azurite is ready: …" once all three services answer.
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { waitUntilReady } from "./ready.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const given = process.argv.slice(2);

function take(name, variable, otherwise) {
  const at = given.indexOf(name);
  return at >= 0 ? given.splice(at, 2)[1] : process.env[variable] || otherwise;
}

const host = take("--host", "AZURITE_HOST", "127.0.0.1");
const ports = {
  blob: take("--blobPort", "AZURITE_BLOB_PORT", "10000"),
  queue: take("--queuePort", "AZURITE_QUEUE_PORT", "10001"),
  table: take("--tablePort", "AZURITE_TABLE_PORT", "10002"),
};
const where = [];
if (!given.includes("--inMemoryPersistence")) {
  const location = path.resolve(take("--location", "AZURITE_LOCATION", path.join(here, "data")));
  mkdirSync(location, { recursive: true });
  where.push("--location", location);
}

let azurite;
try {
  azurite = createRequire(import.meta.url).resolve("azurite/dist/src/azurite.js");
} catch {
  console.error(`Azurite is not installed: run "npm ci --ignore-scripts" in ${here}.`);
  process.exit(1);
}

process.argv = [
  process.argv[0], azurite,
  "--blobHost", host, "--queueHost", host, "--tableHost", host,
  "--blobPort", ports.blob, "--queuePort", ports.queue, "--tablePort", ports.table,
  "--silent",
  "--disableTelemetry", // it is on by default
  "--skipApiVersionCheck", // the newest storage clients are ahead of the newest Azurite
  ...where, ...given,
];
createRequire(import.meta.url)(azurite);

await waitUntilReady(host === "0.0.0.0" ? "127.0.0.1" : host, Object.values(ports), 120_000);
console.log(`Azurite is ready: blobs ${ports.blob}, queues ${ports.queue}, tables ${ports.table}, process ${process.pid}`);
