// Command relay is a self-hosted event relay: it stores the events that an application publishes,
// and delivers them to all subscribed endpoints. It signs, retries and logs each delivery.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/relay-events/relay/internal/cli"
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(cli.Run(os.Args[1:], cli.Env{
		Stdout: os.Stdout, Stderr: os.Stderr, Stdin: os.Stdin, LookupEnv: os.LookupEnv, Environ: os.Environ, Signals: signals,
	}))
}
