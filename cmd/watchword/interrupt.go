package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// onSignal does something before a signal ends this process, as it would have without,
// until the function that it returns is called. Somebody may be asked something meanwhile,
// and answer by Ctrl-C: a context would not end that.
func onSignal(last func()) (stop func()) {
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-done:
		case s := <-signals:
			last()
			number, _ := s.(syscall.Signal)
			os.Exit(128 + int(number))
		}
	})
	return func() {
		signal.Stop(signals)
		close(done)
		waiting.Wait()
	}
}
