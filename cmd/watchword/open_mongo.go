package main

import (
	"context"

	"github.com/watchwordauth/watchword/store/mongostore"
)

func openMongo(ctx context.Context, o opening) (opened, error) {
	db, err := mongostore.Open(ctx, o.address, mongostore.Options{Logger: o.logger, DurableRotations: o.durable})
	if err != nil {
		return opened{}, err
	}
	return opened{db.Set(), db.Close}, nil
}
