package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/redisstore"
)

func openRedis(ctx context.Context, o opening) (opened, error) {
	options := redisstore.Options{Logger: o.logger, DurableRotations: o.durable}
	if !o.create { // what the server's operator should know it says when it starts
		options = redisstore.Options{Logger: slog.New(slog.DiscardHandler)}
	}
	sessions, err := redisstore.Open(ctx, o.address, options)
	switch {
	case errors.Is(err, redisstore.ErrAddress):
		problem, hint, _ := strings.Cut(err.Error(), ": ")
		return opened{}, mend(errors.New(problem), "%s", hint)
	case err != nil:
		return opened{}, err
	}
	return opened{store.Set{Sessions: sessions}, sessions.Close}, nil
}
