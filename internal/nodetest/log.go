package nodetest

import (
	"bytes"
	"sync"
)

// Log is what a process writes while a test reads it.
type Log struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

// Tail is the end of it, for the message of a failing test.
func (l *Log) Tail() string {
	all := l.String()
	return all[max(0, len(all)-4000):]
}
