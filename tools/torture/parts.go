package main

import "time"

// part is a group of tests with as much work as fits into a minute or two on two cores. The longest
// wanted counts come from its repetition.
type part struct {
	name   string
	what   string   // what it breaks
	folder string   // of the tests, below internal
	tests  string   // a regular expression
	env    []string // how much they do; without it they do as much as in "make test"
	args   []string // of the test program
	once   bool     // it makes no random choices: once is enough
}

// limit is when a part is taken to hang. It is many times what the slowest takes.
func (p *part) limit() time.Duration { return 30 * time.Minute }

// parts are run in this order: what matters most comes first, for those who have little time.
var parts = []part{
	{name: "kill", what: "kills of a busy server", folder: "faulttest",
		tests: "TestKill", env: []string{"RELAY_FAULT_KILLS=60"}},
	{name: "everything", what: "kills while every feature is in use", folder: "faulttest",
		tests: "TestKillWithEverythingOn", env: []string{"RELAY_FAULT_KILLS=20"}},
	{name: "powercut", what: "images of disks after a power cut", folder: "store/sqlite",
		tests: "TestPowerCutImages|TestKilledAtAnyMoment|TestPowerCutFinished", env: []string{"RELAY_FAULT_IMAGES=600"}},
	{name: "cut", what: "power cuts after answers that people rely on", folder: "app", tests: "TestPowerCut.*", once: true},
	{name: "simulation", what: "random lives in virtual time", folder: "delivery",
		tests: "TestSimulation", env: []string{"RELAY_FAULT_SEEDS=150"}},
	{name: "order", what: "kills and stops while events go out in order", folder: "faulttest",
		tests: "TestOrderAtRestarts|TestOrderAtRestartsOfNodes|TestOrderOverNodes", env: []string{"RELAY_FAULT_RESTARTS=30", "RELAY_FAULT_KILLS=10"}},
	{name: "syscall", what: "kills at chosen system calls", folder: "faulttest",
		tests: "TestKillAtSystemCall|TestKillWhileMigrating", env: []string{"RELAY_FAULT_POINTS=15", "RELAY_FAULT_KILLS=5"}},
	{name: "disk", what: "full, failing, slow and read-only disks, few descriptors", folder: "faulttest",
		tests: "TestFailingSync|TestFailingSyncAndKill|TestBlockedSync|TestSlowSyncs|TestReadOnlyDisk|TestFewDescriptors|TestFullDisk|TestFullDiskAndKill",
		env:   []string{"RELAY_FAULT_CYCLES=15", "RELAY_FAULT_SECONDS=10"}},
	{name: "rot", what: "flipped bits and cut logs", folder: "store/sqlite",
		tests: "TestBitRot|TestCutWAL", env: []string{"RELAY_FAULT_FLIPS=300"}},
	{name: "rolling", what: "rolling restarts of two servers", folder: "faulttest",
		tests: "TestRollingRestarts", env: []string{"RELAY_FAULT_RESTARTS=40"}},
	{name: "nodes", what: "killed and frozen servers on one database", folder: "faulttest",
		tests: "TestKillOnDatabase|TestKillNodes|TestStoppedNodes", env: []string{"RELAY_FAULT_KILLS=30", "RELAY_FAULT_STOPS=5"}},
	{name: "database", what: "a database that crashes, fails over and falls silent", folder: "faulttest",
		tests: "TestDatabaseCrashes|TestFailover|TestSilentDatabase", env: []string{"RELAY_FAULT_KILLS=20", "RELAY_FAULT_CYCLES=5"}},
	{name: "batch", what: "kills between batches", folder: "faulttest",
		tests: "TestKillBetweenBatches|TestKillBetweenBatchesOfNodes", env: []string{"RELAY_FAULT_KILLS=20"}},
	{name: "gate", what: "kills while callers wait for verdicts", folder: "faulttest",
		tests: "TestGateKills", env: []string{"RELAY_FAULT_GATE_KILLS=10"}},
	{name: "keys", what: "kills while encryption keys are replaced", folder: "faulttest",
		tests: "TestKillWhileKeysAreReplaced", env: []string{"RELAY_FAULT_REKEYS=15"}},
	{name: "backup", what: "backups under load, killed backups, and restores", folder: "e2etest",
		tests: "TestBackupUnderLoadRestores", args: []string{"-test.count=5"}},
	{name: "strays", what: "receivers that send more than an answer", folder: "delivery",
		tests: "TestStrayAnswers", args: []string{"-strays=2000"}, once: true},
	{name: "egress", what: "forbidden addresses, hostile receivers and certificates", folder: "egress", tests: ".*", once: true},
	{name: "tokens", what: "hostile token servers", folder: "egress/auth", tests: ".*", once: true},
	{name: "scripts", what: "hostile transforms", folder: "transform", tests: ".*", once: true},
	{name: "http", what: "malformed requests and slow clients", folder: "web", tests: ".*", once: true},
	{name: "secrets", what: "secrets in files, logs, answers, pages and backups", folder: "app", tests: "TestSecrets.*", once: true},
}
