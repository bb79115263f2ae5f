// Package faulttest breaks a real Relay in the ways machines break, and checks what is left: the binary is killed at
// random moments and at chosen system calls, its syncs fail or block, its disk fills up. It holds tests only.
//
// Every test has the same shape. Publishers with several connections load the server and remember what was
// acknowledged; a receiver, which nothing interrupts, remembers each request it got; at the end the server's API tells
// what it has stored and logged. One checker compares the three (see history): nothing acknowledged is lost, nothing
// comes from nowhere, nothing is repeated that was not in flight at a kill, and the log says what the receiver saw.
//
// The environment it reads:
//
//	RELAY_FAULT_KILLS=N   kills of TestKill, 50 otherwise (10 under the race detector or with -short)
//	RELAY_FAULT_CYCLES=N  full disks of TestFullDisk, 5 otherwise (2)
//	RELAY_FAULT_ORDERED=N events of TestOrder, 100,000 otherwise (20,000)
//	RELAY_FAULT_RESTARTS=N kills and stops of TestOrderAtRestarts, 8 otherwise (4); "make restarts" does 80
//	RELAY_FAULT_STOPS=N   servers held still by TestStoppedNode, 4 otherwise (1)
//	RELAY_FAULT_GATE_KILLS=N kills of TestGateKills, 3 otherwise (2)
//	RELAY_FAULT_SEED=N    seed of all random choices, the time otherwise; every test prints it
//
// It needs Linux, strace, PostgreSQL, and for the full disks the right to mount a tmpfs.
//
// A seed repeats the choices, not the moments: which system call runs when a kill comes is the scheduler's business.
//
// What is not shown here: a power cut. A killed process loses nothing it has written, synced or not, so that
// acknowledging before the sync would go unnoticed by the kills. TestBlockedSync shows that on its own.
package faulttest
