// What holds a pod's namespaces: it waits to be ended, and reaps what others leave.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for got := range signals {
		if got != syscall.SIGCHLD {
			return
		}
		for {
			if gone, _ := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); gone <= 0 {
				break
			}
		}
	}
}
