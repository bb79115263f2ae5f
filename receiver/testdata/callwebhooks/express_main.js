// Serves express.js, the receiver printed in call-webhooks.txt, without changing its text: the sample neither listens
// nor exports its app, so the text is compiled as a module with one line added behind it.
// Reads RELAY_TEST_PORT (0 for any), prints "listening PORT", and ends when standard input does.
const fs = require("fs");
const path = require("path");
const { Module } = require("module");

const file = path.join(__dirname, "express.js");
const sample = new Module(file, module);
sample.filename = file;
sample.paths = [process.env.RELAY_TEST_NODE_MODULES];
sample._compile(fs.readFileSync(file, "utf8") + "\nmodule.exports = app;\n", file);

const server = sample.exports.listen(Number(process.env.RELAY_TEST_PORT), "127.0.0.1", () => {
  console.log(`listening ${server.address().port}`);
});
process.stdin.on("end", () => process.exit(0)).resume();
