#!/usr/bin/env node
// Runs the program in the package for this platform, which npm installs as an optional dependency.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const { optionalDependencies, version } = require("../package.json");

const name = `acs-tokens-${process.platform}-${process.arch}`;

function program() {
  try {
    return require.resolve(`${name}/bin/acs-tokens`);
  } catch {
    const platforms = Object.keys(optionalDependencies).map((key) => key.replace("acs-tokens-", ""));
    const remedy = name in optionalDependencies
      ? `npm did not install ${name}; run npm install ${name}@${version}, and do not use --omit=optional`
      : `there is no package for ${process.platform}-${process.arch}, only for ${platforms.join(", ")}; build the program with Rust`;
    console.error(`error: ${remedy}`);
    process.exit(1);
  }
}

const child = spawn(program(), process.argv.slice(2), { stdio: "inherit" });

// A terminal sends SIGINT to the program too, which ends after one or two. The handlers keep this process alive until then.
const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
for (const signal of signals) process.on(signal, () => child.kill(signal));

child.on("error", (error) => {
  console.error(`error: ${child.spawnfile} did not start (${error.code}); install ${name} again`);
  process.exit(1);
});
// A shell reports a program that a signal ended with 128 plus the number of the signal.
child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
