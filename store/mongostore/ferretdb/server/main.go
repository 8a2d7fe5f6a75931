// Command server is FerretDB on SQLite, for the tests beside it: a process of its
// own, so that they can kill it. It prints where it listens, and ends with its
// standard input, so that it does not outlive the tests.
//
//	server [-relay] FOLDER [HOST:PORT]
//
// With -relay it lets one command through at a time, however many clients it has.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"sync"

	"github.com/FerretDB/FerretDB/ferretdb"

	relay "github.com/watchwordauth/watchword/store/mongostore/ferretdb"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	relayed := flag.Bool("relay", false, "let one command through at a time")
	flag.Parse()
	address := "127.0.0.1:0"
	switch flag.NArg() {
	case 1:
	case 2:
		address = flag.Arg(1)
	default:
		return errors.New("usage: server [-relay] FOLDER [HOST:PORT]")
	}
	own := address
	if *relayed {
		own = "127.0.0.1:0"
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: own},
		Logger:    slog.New(slog.DiscardHandler),
		Handler:   "sqlite",
		SQLiteURL: "file:" + flag.Arg(0) + "/",
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	u, err := url.Parse(server.MongoDBURI())
	if err != nil {
		return err
	}
	if *relayed {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		one := relay.NewRelay(u.Host, func(err error) { fmt.Fprintln(os.Stderr, err) })
		var serving sync.WaitGroup
		serving.Go(func() { one.Serve(listener) })
		defer serving.Wait()
		defer listener.Close()
		u.Host = listener.Addr().String()
	}
	fmt.Println(u)
	return <-ended
}
