// Package faulttest breaks a real Relay in the ways in which machines break, and checks the result:
// the binary is killed at random moments and at chosen system calls, its syncs fail or block, its
// disk fills up. It contains only tests.
//
// Every test has the same structure. Publishers with several connections load the server and record
// which events were acknowledged. A receiver, which is never interrupted, records each request. At
// the end the server's API shows which events and attempts it has stored. One checker compares the
// three (see history): no acknowledged event is lost, no event appears from nowhere, no request is
// repeated that was not in flight at a kill, and the log agrees with the receiver.
//
// It reads these environment variables; make torture sets them:
//
//	RELAY_FAULT_KILLS=N   kills of the tests that kill servers or databases: 50 of TestKill, fewer elsewhere
//	RELAY_FAULT_POINTS=N  further system calls, at random, of TestKillAtSystemCall and TestKillWhileMigrating
//	RELAY_FAULT_CYCLES=N  full disks of TestFullDisk, 5 by default, and silences of TestSilentDatabase, 2
//	RELAY_FAULT_SECONDS=N how long TestSlowSyncs has slow syncs, 2 by default
//	RELAY_FAULT_ORDERED=N events of TestOrder, 100,000 by default
//	RELAY_FAULT_RESTARTS=N kills and stops of TestOrderAtRestarts, 8 by default, and restarts of TestRollingRestarts, 4
//	RELAY_FAULT_STOPS=N   rounds of TestStoppedNodes, in each of which four servers are frozen, 5 by default
//	RELAY_FAULT_GATE_KILLS=N kills of TestGateKills, 3 by default
//	RELAY_FAULT_REKEYS=N  kills of TestKillWhileKeysAreReplaced, 5 by default
//	RELAY_FAULT_SEED=N    seed of all random choices, the time by default; every test prints it
//
// Under the race detector and with -short they do less. Each test reports its figures, see
// testenv.Report.
//
// It needs Linux, strace, PostgreSQL and, for the full disks, permission to mount a tmpfs.
//
// A seed reproduces the choices, not the timing: the scheduler decides which system call runs at
// the moment of a kill.
//
// A killed process loses nothing it has written, synced or not, so kills do not detect an
// acknowledgement before the sync: TestBlockedSync does. Power cuts are tried on the store
// (TestPowerCutImages in store/sqlite) and on the whole program (TestPowerCut… in app).
package faulttest
